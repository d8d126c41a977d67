# SPDX-License-Identifier: GPL-2.0-or-later
"""`mta-sts report`: what was counted is told to the domains' owners (RFC 8460
4.4, 5), by mail or HTTPS, once, and to nobody else."""

import base64
import contextlib
import datetime
import glob
import gzip
import json
import os
import pwd
import re
import shutil
import struct
import subprocess
import time

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from delivery_cases import enforced
from parts.case import case, contains, equal, eventually, lacks
from parts.exim import CACHE, MAINLOG, SPOOL, USER, run_as, without_sanitizer
from parts.recipe import altered, configure_file
from parts.site import Site
from parts.tlsrpt import Mail, parse_json
from parts.webserver import HEAD_MAX, PolicyHost, Request
from parts.world import SOURCE
from report_cases import CONTACT, ON, counted, totals

OUTBOX = CACHE + "/reports/outbox"
TOOL = "/usr/sbin/mta-sts"
KEY = "/etc/exim4/tlsrpt.key"
DAY = 86400
BY_MAIL = {"MTA_STS_TLSRPT_CONTACT": CONTACT}


# --- helpers -------------------------------------------------------------------

def day_before(days=1):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now - datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def a_day_passes():
    """What was counted today (or, around midnight, yesterday) is now what was
    counted yesterday."""
    days = days_of(glob.glob(CACHE + "/reports/2*"))
    equal(len(days), 1, f"days counted: {days}")
    becomes(days[0], day_before())


def days_of(names):
    """A day has a journal and a file."""
    return sorted({os.path.basename(name)[:10] for name in names})


def becomes(day, other, place=str):
    """What was counted on one day is what was counted on another."""
    for kind in (".tdb", ".log"):
        old, new = (place(f"{CACHE}/reports/{name}{kind}")
                    for name in (day, other))
        if os.path.exists(old):
            os.rename(old, new)
        elif os.path.exists(new):
            os.unlink(new)


def wants(world, domain, *uris):
    """The TLSRPT record of a domain."""
    text = "v=TLSRPTv1; rua=" + ",".join(uris)
    world.dns.put("_smtp._tls." + domain, "TXT",
                  [text[at:at + 250] for at in range(0, len(text), 250)])


def mailbox(world, domain="rua.test", **habits):
    """A domain that takes mails with reports."""
    server = world.mail_host("mx." + domain, **habits)
    world.mx(domain, "mx." + domain)
    return server


class ReportHost(PolicyHost):
    """Takes reports by POST; bodies are what came."""

    def __init__(self, *arguments, **more):
        self.bodies = []
        super().__init__(*arguments, **more)

    def _read(self, tls, sni):
        raw = b""
        while b"\r\n\r\n" not in raw and len(raw) < HEAD_MAX:
            more = tls.recv(4096)
            if not more:
                return None
            raw += more
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {key.lower(): value.strip() for key, _, value in
                   (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", "0")):
            body += tls.recv(65536)
        self.bodies.append(body)
        return Request(sni, lines[0], headers, None)


def report_host(world, name="reports.test", address=None, **habits):
    host = ReportHost(name, address or world.address(), world.certs)
    for habit, value in habits.items():
        assert hasattr(host, habit), habit
        setattr(host, habit, value)
    world._servers.append(host)  # pylint: disable=protected-access
    world.dns.put(name, "A", host.address)
    return host


def report(world, *arguments, code=0):
    """What a run comes to, in numbers."""
    done = world.tool("report", "--json", "--spread", "0", *arguments)
    equal((done.returncode, done.stderr), (code, ""),
          "end of the report: " + done.stdout)
    return json.loads(done.stdout)


def some(tally, **want):
    equal({name: tally[name] for name in want}, want, f"tally {tally}")


def report_waits(world):
    """The mail with the report was tried, and is in the queue."""
    eventually(lambda: any(" == tls@rua.test " in line
                           for line in world.exim.mainlog()),
               "deferred", 20)


def job(domain, day=None):
    with open(f"{OUTBOX}/{day or day_before()}/{domain}",
              encoding="ascii") as text:
        return json.load(text)


def change_job(domain, **fields):
    path = f"{OUTBOX}/{day_before()}/{domain}"
    with open(path, encoding="ascii") as text:
        kept = json.load(text)
    kept.update(fields)
    with open(path, "w", encoding="ascii") as out:
        json.dump(kept, out)


def queued():
    """How many mails with reports are in Exim's queue."""
    return run_as("root", "/usr/sbin/exim4", "-bpr").stdout.count(
        f"<{CONTACT}>")


def arrived(server, count=1):
    """The mails at a server, all deliveries being over."""
    eventually(lambda: len(server.messages) >= count and not queued(),
               f"{count} mails", 20)
    equal(len(server.messages), count, "mails")
    return [Mail(message.text) for message in server.messages]


def sent_yesterday(world, *uris, macros=None, conf="", domain="enforce.test",
                   **habits):
    """One session with a domain that wants reports there, a day ago."""
    world.configure(ON + conf, **(BY_MAIL if macros is None else macros))
    server, _ = enforced(world, domain, **habits)
    world.exim.send("bob@" + domain)
    a_day_passes()
    wants(world, domain, *uris)
    return server


# --- what comes by mail ----------------------------------------------------------

@case
def by_mail(world):
    """reports: what was counted comes by mail, in the form of RFC 8460, field
    by field what happened"""
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test", conf='tlsrpt_org = A "B" C\n',
                   certificate="expired")
    some(report(world), made=1, sent=1, exit=0)
    mail, = arrived(box)
    equal(box.messages[0].sender, CONTACT, "envelope sender")
    equal(box.messages[0].recipients, ["tls@rua.test"], "recipients")
    equal(mail.message["To"], "tls@rua.test", "To")
    equal(mail.message["From"].addresses[0].addr_spec, CONTACT, "From")
    equal(mail.message["From"].addresses[0].display_name, 'A "B" C', "name")
    equal(mail.domain, "enforce.test", "domain")
    row, = mail.report["policies"]
    equal(row["policy"], {
        "policy-type": "sts", "policy-domain": "enforce.test",
        "policy-string": ["version: STSv1", "mode: enforce",
                          "mx: mx1.enforce.test", "max_age: 604800"],
        "mx-host": ["mx1.enforce.test"]}, "policy")
    equal(row["summary"], {"total-successful-session-count": 0,
                           "total-failure-session-count": 1}, "summary")
    detail, = row["failure-details"]
    equal((detail["result-type"], detail["failed-session-count"],
           detail["receiving-mx-hostname"], detail["sending-mta-ip"]),
          ("certificate-expired", 1, "mx1.enforce.test", "203.0.114.1"),
          "detail")
    span = mail.report["date-range"]
    equal(span["start-datetime"], day_before() + "T00:00:00Z", "begin")


@case
def without_fragments(world):
    """reports: a site that has no route of its own for them sends them all the
    same, and they are not counted"""
    box = mailbox(world)
    world.policy("rua.test", "enforce", "mx.rua.test")
    sent_yesterday(world, "mailto:tls@rua.test", macros={})
    report(world)
    arrived(box)
    equal(counted(world), [], "counted of the report's session")


@case
def despite_all(world):
    """reports: neither a policy nor bad TLS of the one who takes reports holds
    them up, and none of it is counted"""
    for habits in ({"starttls": "none"}, {"certificate": "expired"},
                   {"starttls": "garbage"}, {"starttls": "454"}):
        world.reset()
        box = mailbox(world, **habits)
        world.policy("rua.test", "enforce", "mx.rua.test")
        sent_yesterday(world, "mailto:tls@rua.test")
        report(world)
        arrived(box)
        equal(counted(world), [], f"counted with {habits}")


REWRITES = ("example", "begin retry\n", "begin rewrite\n"
            "*@sender.test  $1@elsewhere.test  F\n\nbegin retry\n")


@case
def despite_rewriting(world):
    """reports: a site that rewrites the senders of its mail sends them past
    policy and TLS like any other, signed, and counts none of it"""
    record = signing_key()
    box = mailbox(world, certificate="expired")
    world.policy("rua.test", "enforce", "mx.rua.test")
    sent_yesterday(world, "mailto:tls@rua.test")
    altered(world, REWRITES, **BY_MAIL, MTA_STS_TLSRPT_KEY=KEY)
    with open("/etc/exim4/mta-sts.conf", "w", encoding="ascii") as out:
        out.write(ON)
    report(world)
    eventually(lambda: box.messages, "a mail", 20)
    equal(box.messages[0].sender, "tls-reports@elsewhere.test", "sender")
    assert dkim.verify(Mail(box.messages[0].text).raw, tlsrpt="strict",
                       dnsfunc=lambda *_, **__: record), "no valid signature"
    equal(counted(world), [], "counted")


@case
def not_for_others(world):
    """reports: the way past the policy is for reports of ours only, not for
    what others have sent, or a user of this host makes look alike"""
    for user, sender, domain in (("root", "x@other.test", "other.test"),
                                 (USER, "x@other.test", "other.test"),
                                 ("nobody", CONTACT, "sender.test")):
        world.reset()
        world.configure(ON, **BY_MAIL)
        box, _ = enforced(world, certificate="expired")
        mail = world.exim.send(
            "bob@enforce.test", sender=sender, user=user,
            text=f"From: {sender}\nMessage-ID: <1.2@{domain}>\n"
            "TLS-Report-Domain: a.test\nSubject: Report\n\nHello.\n")
        equal(mail.outcome(), "deferred", f"of {user}")
        contains(mail.text(), "R=mta_sts_enforce", f"route of {user}")
        equal(len(box.messages), 0, "mails")


def signing_key():
    """A key that Exim signs with; its DNS record."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with open(KEY, "wb") as out:
        out.write(key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption()))
    os.chown(KEY, pwd.getpwnam(USER).pw_uid, 0)
    os.chmod(KEY, 0o400)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; s=tlsrpt; p=" + base64.b64encode(public)


@case
def signed(world):
    """reports: the mail has a DKIM signature of the contact's domain that is
    valid and covers both fields of RFC 8460"""
    record = signing_key()
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test",
                   macros={**BY_MAIL, "MTA_STS_TLSRPT_KEY": KEY})
    report(world)
    mail, = arrived(box)
    asked = []

    def dns(name, **_):
        asked.append(name)
        return record
    assert dkim.verify(mail.raw, dnsfunc=dns, tlsrpt="strict"), \
        "the signature is not valid"
    equal(asked, [b"tlsrpt._domainkey.sender.test."], "key")
    fields = re.sub(r"\s", "", mail.message["DKIM-Signature"])
    tags = dict(tag.partition("=")[::2] for tag in fields.split(";") if tag)
    covered = tags["h"].lower().split(":")
    for field in ("tls-report-domain", "tls-report-submitter", "from"):
        assert field in covered, f"{field} is not among {covered}"
    lacks(tags, "l", "tags")
    broken = mail.raw.replace(b"TLS-Report-Domain: enforce.test",
                              b"TLS-Report-Domain: enforcf.test")
    assert not dkim.verify(broken, dnsfunc=dns), "a changed field is valid"


@case
def not_without_signature(world):
    """reports: where the key cannot be read the report waits rather than going
    unsigned"""
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test",
                   macros={**BY_MAIL, "MTA_STS_TLSRPT_KEY": "/etc/no.key"})
    report(world)
    report_waits(world)
    equal(len(box.messages), 0, "mails")


not_without_signature.panics = True


@case
def smart_host_is_away(world):
    """reports: while the smart host cannot be found, or has no address that
    mail may go to, a report waits there, and is not held to its policy"""
    server = mailbox(world, "smart.test")
    world.policy("smart.test", "enforce", "mx.smart.test")
    sent_yesterday(world, "mailto:tls@rua.test")
    configure_file(os.path.join(SOURCE, "exim-conf/smarthost.conf.example"),
                   MTA_STS_SMARTHOST="smart.test", **BY_MAIL)
    world.mx("smart.test")
    report(world)
    for address in ("", "127.0.0.1"):
        if address:
            world.dns.put("smart.test", "A", address)
            os.unlink(MAINLOG)
            world.exim.run_queue()
        eventually(lambda: any(" == tls@rua.test R=mta_sts_report " in line
                               for line in world.exim.mainlog()), "waits", 20)
        eventually(lambda: not runs("/exim4"), "nobody has it", 20)
    world.mx("smart.test", "mx.smart.test")
    world.exim.run_queue()
    arrived(server)
    contains("\n".join(world.exim.mainlog()),
             "R=mta_sts_report T=mta_sts_report_smtp", "way")
    equal(counted(world), [], "counted of the report's session")


@case
def missing_key(world):
    """reports: a key that cannot be read holds back reports, and no other mail
    for their hosts"""
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test",
                   macros={**BY_MAIL, "MTA_STS_TLSRPT_KEY": "/etc/no.key"})
    report(world)
    report_waits(world)
    equal(world.exim.send("customer@rua.test").outcome(), "delivered",
          "other mail")
    equal(len(box.messages), 1, "mails")


missing_key.panics = True


@case
def other_mail_of_the_host(world):
    """reports: a report for a host that is down leaves no trace that would
    hold back, or return, other mail for that host"""
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test",
                   macros={**BY_MAIL, "SITE_RETRY": "F,4d,1h"})
    box.down()
    report(world)
    report_waits(world)
    box.up()
    # By a record of the report's failure the host would not be tried.
    equal(world.exim.send("customer@rua.test").outcome(), "delivered",
          "other mail")


@case
def for_a_day(world):
    """reports: a report that nobody takes for a day is given up, other mail of
    the contact's is not"""
    for header, want in (("", "deferred"), (
            "TLS-Report-Domain: a.test\nMessage-ID: <1.2@sender.test>\n",
            "bounced")):
        world.reset()
        world.configure(ON, SITE_RETRY="F,4d,1s", **BY_MAIL)
        mailbox(world).down()
        mail = world.exim.send("x@rua.test", sender=CONTACT,
                               text=header + "Subject: x\n\nx\n")
        equal(mail.outcome(), "deferred", "at first")
        grow_old(mail.message, 86500)
        world.exim.run_queue()
        equal(world.exim.delivery(mail.message).outcome(), want,
              f"after a day, with {header!r}")


def grow_old(message, seconds):
    """A message in the queue came so much earlier."""
    path, = glob.glob(f"/var/spool/exim4/input/**/{message}-H",
                      recursive=True)
    with open(path, encoding="latin-1", newline="") as text:
        lines = text.read().split("\n")
    came, _, rest = lines[3].partition(" ")
    lines[3] = f"{int(came) - seconds} {rest}"
    with open(path, "w", encoding="latin-1", newline="") as out:
        out.write("\n".join(lines))


# --- by HTTPS ------------------------------------------------------------------

@case
def by_https(world):
    """reports: what was counted comes by HTTPS, from the unprivileged helper,
    and where it is taken no mail is sent"""
    box = mailbox(world)
    host = report_host(world, status="201 Created")
    sent_yesterday(world, "mailto:tls@rua.test",
                   "https://reports.test/v1?a=b")
    some(report(world), made=1, sent=1)
    equal([request.line for request in host.requests],
          ["POST /v1?a=b HTTP/1.1"], "request")
    equal(host.requests[0].headers["content-type"], "application/tlsrpt+gzip",
          "type")
    told = parse_json(gzip.decompress(host.bodies[0]))
    equal(told["policies"][0]["policy"]["policy-domain"], "enforce.test",
          "domain")
    equal(len(box.messages) + queued(), 0, "mails")
    contains("\n".join(world.syslog.lines),
             "enforce.test: report of " + day_before() +
             " sent to https://reports.test/v1?a=b", "log")


FAULTS = {
    "redirect": {"status": "302 Found",
                 "headers": {"Location": "https://other.test/"}},
    "http-500": {"status": "500 Oops"},
    "http-404": {"status": "404 No"},
    "cert-expired": {"certificate": "expired"},
}


@case
def https_fails(world):
    """reports: where HTTPS fails the report goes by mail, and with no other
    address it is tried again"""
    other = report_host(world, "other.test")
    for word, habits in FAULTS.items():
        world.exim.reset()
        other = report_host(world, "other.test")
        box = mailbox(world)
        report_host(world, **habits)
        sent_yesterday(world, "https://reports.test/", "mailto:tls@rua.test")
        some(report(world), sent=1, later=0)
        arrived(box)
        equal([(one["state"], one["word"]) for one in
               job("enforce.test")["targets"]],
              [("untried", word), ("took", "")], "targets")
        equal(other.connections, 0, "redirect followed")
        world.reset()


@case
def backing_off(world):
    """reports: a report that nobody takes is tried again, ever later, for a
    day (RFC 8460 5.5), and then given up"""
    host = report_host(world, status="503 Busy")
    sent_yesterday(world, "https://reports.test/")
    begun = time.time()
    some(report(world, code=1), made=1, sent=0, later=1)
    waits = []
    for tries in range(1, 8):
        kept = job("enforce.test")
        equal((kept["state"], kept["tries"], kept["word"]),
              ("waiting", tries, "http-503"), "job")
        waits.append(round((kept["next"] - kept["tried"]) / 60))
        some(report(world), waiting=1, later=0)
        equal(len(host.requests), tries, "requests before it is due")
        change_job("enforce.test", next=int(begun) - 1)
        report(world, code=1)
    equal(waits, [15, 30, 60, 120, 240, 240, 240], "minutes between")
    change_job("enforce.test", next=int(begun) - 1,
               tried=int(begun) - DAY - 10)
    some(report(world, code=1), failed=1, later=0)
    some(report(world), failed=0, waiting=0, made=0)
    equal(len(host.requests), 9, "requests")
    host.status = "200 OK"
    some(report(world), sent=0)
    equal(job("enforce.test")["state"], "failed", "state")
    contains("\n".join(world.syslog.lines), "given up", "log")


@case
def slow_host(world):
    """reports: a host that does not answer takes twice fetch_timeout, and no
    more"""
    host = report_host(world, delay=60)
    sent_yesterday(world, "https://reports.test/", conf="fetch_timeout = 1\n")
    began = time.monotonic()
    some(report(world, code=1), later=1)
    assert 1.5 < time.monotonic() - began < 15, "time taken"
    equal(job("enforce.test")["word"], "timeout", "word")
    equal(len(host.requests), 1, "requests")


# --- records that mean no good -------------------------------------------------

def all_want(world, uris):
    """One session a domain, d0.test and on, a day ago; each wants its report
    at one of the uris."""
    world.configure(ON, **BY_MAIL)
    for number, uri in enumerate(uris):
        enforced(world, f"d{number}.test")
        world.exim.send(f"bob@d{number}.test")
        wants(world, f"d{number}.test", uri)
    equal(sorted(totals(counted(world))),
          sorted((f"d{number}.test", "sts", 1, 0)
                 for number in range(len(uris))), "sessions")
    a_day_passes()


PRIVATE = ("127.0.0.1", "10.1.2.3", "169.254.169.254")
UNFIT = ("https://127.0.0.1/", "https://[::1]/", "https://localhost/",
         "http://reports.test/", "https://reports.test:8080/",
         "https://user@reports.test/", "file:///etc/passwd",
         "mailto:root@localhost")


@case
def not_to_ourselves(world):
    """reports: no record sends a report to this host, or into its network"""
    all_want(world, [f"https://r{number}.test/"
                     for number in range(len(PRIVATE))])
    for number, address in enumerate(PRIVATE):
        world.dns.put(f"r{number}.test", "A", address)
    some(report(world, code=1), made=len(PRIVATE), sent=0)
    for number, address in enumerate(PRIVATE):
        equal(job(f"d{number}.test")["word"], "address-refused", address)
    world.reset()
    host = report_host(world)
    all_want(world, UNFIT)
    some(report(world), made=0, sent=0)
    equal((host.connections, queued()), (0, 0), "sent")


HOSTILE = ("mailto:-oX@rua.test", "mailto:a%0d%0aBcc:b@rua.test",
           "mailto:a%0aBcc%3Avictim@rua.test@rua.test",
           "mailto:a@rua.test%2cb@rua.test", "mailto:a%20b@rua.test",
           "mailto:|cat@rua.test", "mailto:$(id)@rua.test",
           "mailto:%22a%22@rua.test", "mailto:/etc/passwd@rua.test",
           "mailto:a@rua.test%00", "mailto:<a@rua.test>",
           "mailto::include:/etc/passwd@rua.test")


@case
def hostile_addresses(world):
    """reports: an address with anything in it that a header, a shell or Exim
    could mind gets nothing"""
    box = mailbox(world)
    all_want(world, HOSTILE)
    some(report(world), made=0, sent=0)
    equal((len(box.messages), queued()), (0, 0), "sent")


@case
def header_fields_of_a_uri(world):
    """reports: what a mailto URI says besides its address is left out"""
    box = mailbox(world)
    sent_yesterday(world, "mailto:a@rua.test?bcc=b@rua.test&subject=hello")
    some(report(world), sent=1)
    mail, = arrived(box)
    equal(box.messages[0].recipients, ["a@rua.test"], "recipients")
    equal(mail.message["Bcc"], None, "Bcc")


@case
def many_addresses(world):
    """reports: of 50 addresses the first four count, and one gets the
    report"""
    box = mailbox(world)
    sent_yesterday(world, *(f"mailto:a{number}@rua.test"
                            for number in range(50)))
    some(report(world), made=1, sent=1)
    arrived(box)
    equal(len(job("enforce.test")["targets"]), 4, "targets")


@case
def many_domains_at_one(world):
    """reports: a host gets as many reports of a day as tlsrpt_per_target says,
    whoever has written the records (RFC 8460 7)"""
    box = mailbox(world)
    world.configure(ON + "tlsrpt_per_target = 2\n", **BY_MAIL)
    for number in range(4):
        enforced(world, f"d{number}.test")
        world.exim.send(f"bob@d{number}.test")
        wants(world, f"d{number}.test", f"mailto:v{number}@rua.test")
    a_day_passes()
    some(report(world, code=1), made=4, sent=2, failed=2)
    arrived(box, 2)
    some(report(world), made=0, sent=0, failed=0)
    equal(len(box.messages), 2, "mails")


def many_wishes(world, limit, *all_uris, conf=""):
    """One session a domain, d0.test and on, a day ago; each wants its report
    at its uris, of which a host gets no more than limit."""
    world.configure(ON + f"tlsrpt_per_target = {limit}\n" + conf, **BY_MAIL)
    for number, uris in enumerate(all_uris):
        enforced(world, f"d{number}.test")
        world.exim.send(f"bob@d{number}.test")
        wants(world, f"d{number}.test", *uris)
    a_day_passes()


@case
def alternatives_do_not_count(world):
    """reports: an address that is not come to does not count among the reports
    that its host gets"""
    first, second = mailbox(world), mailbox(world, "other.test")
    many_wishes(world, 1, ("mailto:a@rua.test", "mailto:a@other.test"),
                ("mailto:b@other.test",))
    some(report(world), made=2, sent=2, failed=0)
    arrived(first)
    mail, = arrived(second)
    equal(mail.domain, "d1.test", "whose")


@case
def alternatives_have_the_limit(world):
    """reports: a host that is the second one for many gets no more reports
    than others, and who is tried in vain by HTTPS has had one"""
    box = mailbox(world)
    host = report_host(world, status="503 Busy")
    many_wishes(world, 2, *(("https://reports.test/", f"mailto:v{n}@rua.test")
                            for n in range(6)))
    done = report(world, code=1)
    some(done, made=6, sent=2)
    equal(done["later"] + done["failed"], 4, "the others")
    arrived(box, 2)
    equal(len(host.requests), 2, "requests")
    # Who comes to which of the two first is chance.
    by_https, by_mail = zip(*([one["word"] for one in job(f"d{n}.test")
                               ["targets"]] for n in range(6)))
    equal((sorted(by_https), sorted(by_mail)),
          (2 * ["http-503"] + 4 * ["too-many"], 2 * [""] + 4 * ["too-many"]),
          "words")
    contains("\n".join(world.syslog.lines),
             "given up: too many reports for the hosts of its record "
             "(too-many)", "log")


@case
def what_was_not_mailed_does_not_count(world):
    """reports: a mail that sendmail does not take is none that its host gets"""
    box = mailbox(world)
    sendmail("exit 75")
    many_wishes(world, 1, *((f"mailto:v{n}@rua.test",) for n in range(2)),
                conf=f"tlsrpt_sendmail = {SENDMAIL}\n")
    world.dns.faults["_smtp._tls.d1.test"] = "servfail"
    some(report(world, code=1), later=2)
    world.dns.faults.clear()
    sendmail("exec /usr/sbin/sendmail \"$@\"")
    change_job("d1.test", next=1)
    some(report(world), sent=1, waiting=1)
    change_job("d0.test", next=1)
    some(report(world, code=1), failed=1)
    mail, = arrived(box)
    equal(mail.domain, "d1.test", "whose")


# --- what sendmail makes of it --------------------------------------------------

SENDMAIL = "/usr/local/sbin/sendmail.test"
TAKEN = SPOOL + "/taken"  # what it has taken
TWO_BOXES = ("mailto:a@rua.test", "mailto:b@rua.test")


def sendmail(script):
    """What tlsrpt_sendmail is: a script of this body."""
    with open(SENDMAIL, "w", encoding="ascii") as out:
        out.write(f"#!/bin/sh\n{script}\n")
    os.chmod(SENDMAIL, 0o755)


def with_sendmail(world, script, *uris):
    for path in glob.glob(TAKEN + "*"):
        os.unlink(path)
    sendmail(script)
    sent_yesterday(world, *(uris or TWO_BOXES),
                   conf=f"tlsrpt_sendmail = {SENDMAIL}\n")


def taken():
    """The ids of the mails that it has taken."""
    with open(TAKEN, encoding="ascii") as text:
        return re.findall(r"(?m)^Message-ID: (.*)$", text.read())


def hurried_report():
    """A run in which a minute is a second; sendmail does not know."""
    without_sanitizer("faketime cannot be loaded first")
    done = run_as("root", "/usr/bin/faketime", "-f", "+0 x60", TOOL, "report",
                  "--json", "--spread", "0")
    equal(done.stderr, "", "stderr")
    return json.loads(done.stdout)


def targets():
    return [(one["state"], one["word"])
            for one in job("enforce.test")["targets"]]


@case
def slow_sendmail(world):
    """reports: a sendmail that has the whole mail and does not end in time has
    perhaps sent it: it gets no second one, and neither does another address"""
    with_sendmail(world, f"cat >>{TAKEN}; sleep 100")
    some(hurried_report(), made=1, sent=1, later=0, exit=0)
    change_job("enforce.test", next=1)
    some(report(world), sent=0, waiting=0)
    equal((len(taken()), job("enforce.test")["state"], targets()),
          (1, "sent", [("took", "perhaps"), ("untried", "")]), "mails")
    contains("\n".join(world.syslog.lines),
             "enforce.test: report of " + day_before() +
             " perhaps sent to mailto:a@rua.test, and not tried again: " +
             SENDMAIL + ": it did not end in time (sendmail)", "log")


@case
def killed_sendmail(world):
    """reports: a sendmail that dies by a signal with the whole mail has perhaps
    sent it, too"""
    with_sendmail(world, f"cat >>{TAKEN}; kill -9 $$")
    some(report(world), made=1, sent=1)
    some(report(world), sent=0, waiting=0)
    equal((len(taken()), targets()),
          (1, [("took", "perhaps"), ("untried", "")]), "mails")


NOT_TAKEN = {
    "cat >/dev/null; echo no such user; exit 67": "no such user",
    # Not all of it, whatever it says.
    "head -c 20 >/dev/null; exit 0": "did not take all",
    "exit 0": "did not take all",
    "exec /no/such/program": "cannot be executed",
    "kill -9 $$": "a signal ended it",
}


@case
def sendmail_fails(world):
    """reports: what sendmail says no to, or has not read to its end, goes to
    the next address and is tried again"""
    for script, why in NOT_TAKEN.items():
        world.reset()
        with_sendmail(world, f"case $* in *b@rua.test) cat >>{TAKEN};; "
                      f"*) {script};; esac")
        some(report(world), sent=1, later=0)
        equal((len(taken()), targets()),
              (1, [("untried", "sendmail"), ("took", "")]), script)
        world.reset()
        with_sendmail(world, script, "mailto:a@rua.test")
        some(report(world, code=1), sent=0, later=1)
        change_job("enforce.test", next=1, tried=1)
        some(report(world, code=1), failed=1)
        contains("\n".join(world.syslog.lines), why, "log")


@case
def deaf_sendmail(world):
    """reports: a sendmail that reads nothing, and does not end either, has sent
    nothing"""
    with_sendmail(world, f"case $* in *b@rua.test) cat >>{TAKEN};; "
                  "*) sleep 100;; esac")
    some(hurried_report(), sent=1, later=0)
    equal((len(taken()), targets()),
          (1, [("untried", "sendmail"), ("took", "")]), "targets")


@case
def large_mail(world):
    """reports: a mail of any size gets to sendmail whole, or counts as not
    taken"""
    with_sendmail(world, "exit 75", "mailto:a@rua.test")
    some(report(world, code=1), later=1)
    told = json.loads(job("enforce.test")["report"])
    told["organization-name"] = base64.b64encode(os.urandom(150000)).decode()
    change_job("enforce.test", next=1, report=json.dumps(told))
    sendmail("head -c 150000 >/dev/null")
    some(report(world, code=1), later=1)
    sendmail(f"cat >>{TAKEN}")
    change_job("enforce.test", next=1)
    some(report(world), sent=1)
    with open(TAKEN, encoding="ascii", newline="") as text:
        equal(Mail(text.read().replace("\n", "\r\n")).report, told, "report")


@case
def stopped_meanwhile(world):
    """reports: of a report that was being handed over when all was killed the
    same address is asked again, and no other, even if it says no then"""
    with_sendmail(world, f"cat >>{TAKEN}; exit 75")
    some(report(world, code=1), later=1)
    equal(len(taken()), 2, "both were tried")
    os.unlink(TAKEN)
    kept = job("enforce.test")["targets"]
    change_job("enforce.test", next=1,
               targets=[dict(kept[0], state="trying"), kept[1]])
    sendmail(f"echo $* >>{TAKEN}.to; cat >>{TAKEN}; exit 75")
    for _ in range(2):
        some(report(world, code=1), later=1)
        equal(targets(), [("trying", "sendmail"), ("untried", "sendmail")],
              "targets")
        change_job("enforce.test", next=1)
    equal(len(set(taken())), 1, "ids")
    sendmail(f"echo $* >>{TAKEN}.to; cat >>{TAKEN}")
    some(report(world), sent=1)
    with open(TAKEN + ".to", encoding="ascii") as text:
        equal([line.split()[-1] for line in text], 3 * ["a@rua.test"],
              "addresses")


# --- who gets none -------------------------------------------------------------

@case
def nobody_asked(world):
    """reports: a domain without a record, or with a wrong one, gets none; one
    whose servers fail is asked again"""
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test")
    world.dns.put("_smtp._tls.enforce.test", "TXT")
    some(report(world), made=0, days=1)
    world.reset()
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test")
    world.dns.faults["_smtp._tls.enforce.test"] = "servfail"
    some(report(world, code=1), made=1, later=1)
    world.dns.faults.clear()
    change_job("enforce.test", next=1)
    some(report(world), sent=1)
    arrived(box)


@case
def of_today_nothing(world):
    """reports: a day that is not over is not reported, and one that is, is
    once"""
    box = mailbox(world)
    world.configure(ON, **BY_MAIL)
    enforced(world)
    world.exim.send("bob@enforce.test")
    wants(world, "enforce.test", "mailto:tls@rua.test")
    some(report(world), made=0)
    today, = days_of(glob.glob(CACHE + "/reports/2*"))
    done = world.tool("report", "--day", today)
    equal(done.returncode, 2, "--day of today")
    a_day_passes()
    some(report(world, "--day", day_before(2)), made=0)
    some(report(world, "--day", day_before()), made=1, sent=1)
    some(report(world), made=0, sent=0)
    arrived(box)


@case
def success_and_exclusion(world):
    """reports: tlsrpt_success = no leaves out who had no failure, and
    tlsrpt_exclude whom it names; without a contact there is nothing"""
    for conf, made in (("tlsrpt_success = no\n", 0), ("", 1),
                       ("tlsrpt_exclude = *.test : enforce.test\n", 0)):
        world.reset()
        mailbox(world)
        sent_yesterday(world, "mailto:tls@rua.test")
        world.configure(ON + conf, **BY_MAIL)
        some(report(world), made=made)
    world.configure("", **BY_MAIL)
    done = world.tool("report")
    equal((done.returncode, done.stdout), (0, ""), "without a contact")
    contains(done.stderr, "tlsrpt_contact is not set", "message")


# --- looking without sending ------------------------------------------------------

@case
def dry_run(world):
    """reports: --dry-run and --print show what would be sent, and change
    nothing"""
    box = mailbox(world)
    sent_yesterday(world, "mailto:tls@rua.test")
    done = world.tool("report", "--dry-run")
    equal((done.returncode, done.stderr), (0, ""), "dry run")
    equal(done.stdout.split(), [day_before(), "enforce.test", "1", "good,",
                                "0", "failed", "->", "mailto:tls@rua.test"],
          "line")
    shown = json.loads(world.tool("report", "--dry-run", "--json").stdout)
    printed = world.tool("report", "--print", "ENFORCE.test.")
    equal(printed.returncode, 0, "print")
    first = parse_json(printed.stdout.encode())
    for one in (first, shown["report"]):
        del one["report-id"]
    equal(first, shown["report"], "reports")
    equal(world.tool("report", "--print", "other.test").returncode, 1,
          "nothing")
    equal(os.path.exists(OUTBOX), False, "outbox")
    report(world)
    mail, = arrived(box)
    printed = world.tool("report", "--print", "enforce.test", "--json")
    equal(parse_json(printed.stdout.encode()), mail.report, "as it was sent")


@case
def random_delay(world):
    """reports: without --spread they go out at random times of four hours
    (RFC 8460 4.1)"""
    world.configure(ON, **BY_MAIL)
    for number in range(4):
        enforced(world, f"d{number}.test")
        world.exim.send(f"bob@d{number}.test")
        wants(world, f"d{number}.test", "mailto:v@rua.test")
    a_day_passes()
    began = time.time()
    done = world.tool("report", "--json")
    equal(json.loads(done.stdout)["made"], 4, "made")
    delays = {job(f"d{number}.test")["next"] - began for number in range(4)}
    assert len(delays) > 1, delays
    assert all(-2 < delay <= 4 * 3600 + 10 for delay in delays), delays


@case
def old_days(world):
    """reports: after ten days counters and reports are forgotten"""
    sent_yesterday(world, "mailto:tls@rua.test")
    mailbox(world)
    report(world)
    old = day_before(11)
    becomes(day_before(), old)
    os.rename(f"{OUTBOX}/{day_before()}", f"{OUTBOX}/{old}")
    some(report(world), made=0, trouble=0)
    equal(glob.glob(CACHE + "/reports/2*") + glob.glob(OUTBOX + "/*"), [],
          "left")


def status(world, *arguments):
    return world.tool("status", *arguments).stdout


@case
def shown_by_status(world):
    """reports: mta-sts status shows what was counted, what was sent, and that
    nobody makes reports"""
    contains(status(world), "TLS reports: off\n", "without a contact")
    host = report_host(world, status="503 Busy")
    sent_yesterday(world, "https://reports.test/")
    contains(status(world), "TLS reports: 0 sent, 0 given up, 0 waiting",
             "before")
    contains(status(world), "yesterday 1 sessions with 1 domains, 0 failed",
             "counters")
    report(world, code=1)
    text = status(world)
    contains(text, "0 sent, 0 given up, 1 waiting, the next one is due in 1",
             "waiting")
    lacks(text, "ALERT: mta-sts report", "in time")
    host.status = "200 OK"
    change_job("enforce.test", next=1)
    report(world)
    told = json.loads(status(world, "--json"))["reports"]
    equal((told["on"], told["sent"], told["waiting"], told["late"],
           told["yesterday"]),
          (True, 1, 0, False, {"domains": 1, "success": 1, "failure": 0}),
          "json")
    metrics = status(world, "--prometheus")
    contains(metrics, 'mta_sts_reports{state="sent"} 1\n', "metrics")
    shutil.rmtree(OUTBOX)
    becomes(day_before(), day_before(2))
    contains(status(world), "ALERT: mta-sts report has not run", "late")
    contains(status(world, "--check"), "TLS reports are not made", "check")


SIGNED = {**BY_MAIL, "MTA_STS_TLSRPT_KEY": KEY}
# What Exim's and our configuration say; what status says is missing.
SIGNING = ((BY_MAIL, "", "set MTA_STS_TLSRPT_KEY for Exim", "no"),
           ({}, "", "set MTA_STS_TLSRPT_CONTACT and MTA_STS_TLSRPT_KEY for",
            "no"),
           (SIGNED, "", "", "yes"),
           (BY_MAIL, "tlsrpt_signed_elsewhere = yes\n", "", "elsewhere"),
           ({}, "tlsrpt_signed_elsewhere = yes\n", "", "elsewhere"),
           (BY_MAIL, "tlsrpt = socket:/run/x\n", "", None))


@case
def unsigned_is_told(world):
    """reports: mta-sts status warns where mails with reports are not signed,
    unless others sign them"""
    warning = "mails with TLS reports are not signed"
    for macros, conf, missing, word in SIGNING:
        world.configure(ON + conf, **macros)
        text, check = status(world), world.tool("status", "--check")
        metrics = status(world, "--prometheus")
        if missing:
            contains(text, missing, "status")
            contains(check.stdout, "MTA-STS WARNING", "level")
            contains(check.stdout, warning, "check")
            equal(check.returncode, 1, "exit")
            contains(metrics, "mta_sts_reports_signed 0\n", "metrics")
        else:
            lacks(text, "signed", "status")
            lacks(check.stdout, warning, "check")
            lacks(metrics, "mta_sts_reports_signed 0", "metrics")
        told = json.loads(status(world, "--json"))["reports"]
        equal(told.get("signed"), word, "json")
    world.configure("", **BY_MAIL)
    lacks(status(world, "--check"), warning, "without a contact")
    with open("/etc/exim4/exim4.conf", "a", encoding="ascii") as out:
        out.write("broken\n")
    lacks(status(world, "--check"), warning, "with a broken configuration")


# --- whose clock ---------------------------------------------------------------

@case
def clock_that_was_ahead(world):
    """reports: where a clock that was ahead had a day's reports made before its
    end, the log says that they are not all of it"""
    without_sanitizer("faketime cannot be loaded first")
    sent_yesterday(world, "mailto:tls@rua.test")
    mailbox(world)
    becomes(day_before(), day_before(0))
    some(report(world), made=0)
    warning = f"the reports of {day_before(0)} were made before it was over"
    lacks("\n".join(world.syslog.lines), warning, "syslog at first")
    run_as("root", "/usr/bin/env", "TZ=UTC", "/usr/bin/faketime", "-f", "+1d",
           TOOL, "report", "--spread", "0")
    report(world)
    contains("\n".join(world.syslog.lines), warning, "syslog")


@case
def another_time_zone(world):
    """reports: a day is one of UTC, whatever this host's time zone is"""
    without_sanitizer("faketime cannot be loaded first")
    world.configure(ON, **BY_MAIL)
    mailbox(world)
    enforced(world)
    world.exim.send("bob@enforce.test")
    wants(world, "enforce.test", "mailto:tls@rua.test")
    becomes(days_of(glob.glob(CACHE + "/reports/2*"))[0], "2031-03-01")

    def made(when, zone):
        done = run_as("root", "/usr/bin/env", "TZ=" + zone,
                      "/usr/bin/faketime", "-f", when, TOOL, "report",
                      "--json", "--spread", "0")
        return json.loads(done.stdout)["made"]
    # faketime takes its times as ones of the zone.
    equal(made("@2031-03-02 13:58:30", "Etc/GMT-14"), 0, "23:58:30 UTC")
    equal(made("@2031-03-01 11:58:30", "Etc/GMT+12"), 0, "23:58:30 UTC")
    equal(made("@2031-03-02 14:02:00", "Etc/GMT-14"), 1, "00:02 UTC")


# --- two sites ------------------------------------------------------------------

# Taken at RCPT and at the end of the data, and then not delivered.
BOUNCES_LATER = """begin routers

bounces_later:
  driver = redirect
  local_parts = tls-reports
  domains = +local_domains
  no_verify
  allow_fail
  data = :fail: nobody reads this
"""


# To where the other site keeps its reports.
FORWARDS = """begin routers

forwards:
  driver = redirect
  local_parts = tls-reports
  domains = +local_domains
  no_verify
  data = archive@${if eq{$domain}{a.test}{b.test}{a.test}}
"""


def site(world, name, address, habit=""):
    """A mail site that wants reports and sends some."""
    one = Site(world.exim.source, "mx." + name, address, world.certs)
    world._servers.append(one)  # pylint: disable=protected-access
    contact = "tls-reports@" + name
    one.configure(f"tlsrpt_contact = {contact}\n",
                  SITE_LOCAL_DOMAINS=name, MTA_STS_TLSRPT_CONTACT=contact)
    if habit:
        one.alter("begin routers\n", habit)
        # A bounce of a bounce goes at once.
        one.alter("ignore_bounce_errors_after = 2d",
                  "ignore_bounce_errors_after = 0s")
    world.dns.put("mx." + name, "A", address)
    world.mx(name, "mx." + name)
    world.policy(name, "enforce", "mx." + name)
    wants(world, name, "mailto:" + contact)
    one.up()
    return one


def two_that_write(world, habit=""):
    """Two sites, each of which sent the other a mail yesterday; and their
    domains."""
    names = ["a.test", "b.test"]
    sites = [site(world, name, f"203.0.114.{21 + at}", habit)
             for at, name in enumerate(names)]
    eventually(lambda: all("daemon started" in "".join(one.mainlog())
                           for one in sites), "daemons", 20)
    for one, mine, other in zip(sites, names, reversed(names)):
        one.send("alice@" + mine, "bob@" + other)
        one.wait_idle(lambda one=one: "=> bob@" in "\n".join(one.mainlog()),
                      "mail to the other")
    equal([ages(one) for one in sites], [1, 1], "days counted")
    return sites, names


def sites_report(sites, **want):
    for one in sites:
        done = one.run(TOOL, "report", "--json", "--spread", "0")
        some(json.loads(done.stdout), **want)


def mails_at(one):
    """The reports in the site's mailbox for them."""
    text = ""
    for path in one.files("/var/mail/all"):
        with open(one.path(path), encoding="latin-1", newline="") as box:
            text += box.read()
    parts = re.split(r"(?m)^From \S+ .*\n", text)[1:]
    return [Mail(part.replace("\n", "\r\n")) for part in parts
            if "TLS-Report-Domain:" in part]


def ages(one):
    """The site's counters are of yesterday; how many days it had."""
    new = day_before(0) in days_of(one.files(CACHE + "/reports/2*"))
    if new:
        becomes(day_before(0), day_before(), one.path)
    return int(new)


@case(seconds=120)
def two_sites(world):
    """reports: two sites that report about each other come to rest"""
    sites, names = two_that_write(world)
    sites_report(sites, made=1, sent=1, exit=0)
    for one, mine, other in zip(sites, names, reversed(names)):
        one.wait_idle(lambda one=one: len(mails_at(one)) == 1, "a report")
        mail, = mails_at(one)
        equal((mail.domain, mail.report["contact-info"]),
              (mine, "tls-reports@" + other), "report")
        equal(mail.report["policies"][0]["summary"],
              {"total-successful-session-count": 1,
               "total-failure-session-count": 0}, "summary")
        contains("\n".join(one.mainlog()), "X=TLS", "TLS")
    # Each has sent a mail to the other since; nothing is counted of it.
    equal([ages(one) for one in sites], [0, 0], "days counted")
    sites_report(sites, made=0, sent=0, waiting=0)
    equal([len(mails_at(one)) for one in sites], [1, 1], "reports")


@case(seconds=120)
def two_that_bounce(world):
    """reports: two sites whose mailboxes for reports take them and bounce them
    later come to rest"""
    sites, names = two_that_write(world, BOUNCES_LATER)
    sites_report(sites, made=1, sent=1, exit=0)
    for one, other in zip(sites, reversed(names)):
        # The report of the other came, and its bounce has gone there.
        one.wait_idle(lambda one=one, other=other: sum(
            f"=> tls-reports@{other} " in line
            for line in one.mainlog()) == 2, "a bounce")
        contains("\n".join(one.mainlog()), "nobody reads this", "failure")
    equal([ages(one) for one in sites], [0, 0], "days counted")
    sites_report(sites, made=0, sent=0, waiting=0)


@case(seconds=120)
def two_that_forward(world):
    """reports: two sites that forward the reports they get to each other come
    to rest"""
    sites, names = two_that_write(world, FORWARDS)
    sites_report(sites, made=1, sent=1, exit=0)
    for one, other in zip(sites, reversed(names)):
        # The report of the other came, and has gone back there.
        one.wait_idle(lambda one=one, other=other: any(
            f"=> archive@{other} " in line for line in one.mainlog()),
            "a report that is forwarded")
    equal([ages(one) for one in sites], [0, 0], "days counted")
    sites_report(sites, made=0, sent=0, waiting=0)


@case
def not_counted_again(world):
    """reports: a report that cannot be delivered, and the bounce that comes of
    it, lead to no report"""
    box = mailbox(world, rcpt="550 no such user")
    world.policy("rua.test", "enforce", "mx.rua.test")
    sent_yesterday(world, "mailto:tls@rua.test")
    report(world)
    eventually(lambda: any(" ** tls@rua.test" in line
                           for line in world.exim.mainlog()), "bounced", 20)
    eventually(lambda: world.exim.run_queue() or not world.exim.waiting(),
               "the bounce is delivered", 60)
    equal(len(box.messages), 0, "mails")
    equal(totals(counted(world)), [], "counted")


# --- killed at every step ------------------------------------------------------

STEPS = os.path.join(SOURCE, os.environ.get("MTA_STS_BUILD", "build"),
                     "tests/kill/steps.so")
COUNT = "/tmp/steps"


def kill_at(step, alone=False):
    """Runs a report that is killed just before that step (0: never).  Whether
    it came so far, and how many steps it made."""
    without_sanitizer("steps.so cannot be loaded first")
    with open(COUNT, "wb") as out:
        out.write(b"\0" * 8)
    env = {"LD_PRELOAD": STEPS, "STEPS_FILE": COUNT, "STEPS_KILL": str(step)}
    if alone:
        env["STEPS_ALONE"] = "yes"
    done = subprocess.run([TOOL, "report", "--spread", "0"], env=env, cwd="/",
                          stdin=subprocess.DEVNULL, capture_output=True,
                          start_new_session=True, timeout=60, check=False)
    with open(COUNT, "rb") as text:
        made = struct.unpack("=I", text.read(4))[0]
    return made >= step > 0, made, done


def runs(program):
    """Whether a process of that program is there."""
    for pid in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(pid + "/exe").endswith(program):
                return True
    return False


def report_to_the_end(world):
    """Runs reports until nothing is left to do, in whatever state they are."""
    eventually(lambda: not runs("/mta-sts") and not runs("/mta-sts-fetch"),
               "what was killed is gone", 20)
    report(world)
    eventually(lambda: not runs("/exim4") and not queued(), "delivered", 20)


def two_wishes(world):
    """A domain that wants a mail, and one that wants a POST."""
    world.configure(ON, **BY_MAIL)
    box, host = mailbox(world), report_host(world)
    for name, uri in (("m.test", "mailto:tls@rua.test"),
                      ("h.test", "https://reports.test/")):
        enforced(world, name)
        world.exim.send("bob@" + name)
        wants(world, name, uri)
    a_day_passes()
    return box, host


def was_trying(domain):
    with contextlib.suppress(FileNotFoundError):
        return job(domain)["targets"][0]["state"] == "trying"
    return False


def killed_everywhere(world, alone, stride):
    box, host = two_wishes(world)
    again = copies = reached = 0
    step = 1
    while True:
        shutil.rmtree(OUTBOX, ignore_errors=True)
        box.messages.clear()
        host.bodies.clear()
        killed, _, _ = kill_at(step, alone)
        if not killed:
            break
        reached += 1
        perhaps = was_trying("h.test")
        report_to_the_end(world)
        seen = [Mail(message.text) for message in box.messages]
        equal([mail.domain for mail in seen], ["m.test"], f"mails, {step}")
        assert host.bodies, f"no POST when killed at step {step}"
        equal(len(set(host.bodies)), 1, f"different POSTs, {step}")
        # A host cannot be asked whether it had one before: twice only where
        # nobody knows.
        copies += len(host.bodies) - 1
        assert len(host.bodies) <= (2 if perhaps else 1), f"POSTs, {step}"
        again += "blackhole" in "\n".join(world.exim.mainlog())
        equal([job(name)["state"] for name in ("m.test", "h.test")],
              ["sent", "sent"], f"states, {step}")
        os.unlink(MAINLOG)
        step += stride
    print(f"#   {reached} steps; {again} copies of a mail held back by "
          f"Exim, {copies} of a POST")
    assert reached * stride > 40, f"only {reached} steps"
    return again


@case(seconds=240)
def killed_together(world):
    """reports: kill -9 of all its processes, at whatever step of sending, loses
    no report, and sends no mail twice"""
    again = killed_everywhere(world, False, 1)
    assert again > 0, "no step at which Exim had the mail already"


@case(seconds=240)
def killed_alone(world):
    """reports: kill -9 of one of its processes, at whatever step of sending,
    loses no report, and sends no mail twice"""
    killed_everywhere(world, True, 4)
