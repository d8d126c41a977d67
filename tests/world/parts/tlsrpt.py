# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports (RFC 8460) as their receivers read them: by a schema, and by a parser
that shares no line with what wrote them."""

import datetime
import email
import email.policy
import gzip
import json
import re

import jsonschema

HOST = {"type": "string", "pattern": r"^[a-z0-9_.-]+$"}
COUNT = {"type": "integer", "minimum": 0}
ADDRESS = {"type": "string", "anyOf": [{"format": "ipv4"},
                                       {"format": "ipv6"}]}
WORDS = {"type": "string", "pattern": r"^[\x20-\x7e]+$"}


def _object(required, **optional):
    return {"type": "object", "properties": {**required, **optional},
            "required": list(required), "additionalProperties": False}


def _list(item, least=0):
    return {"type": "array", "items": item, "minItems": least}


# RFC 8460 4.3
RESULTS = ["starttls-not-supported", "certificate-host-mismatch",
           "certificate-expired", "certificate-not-trusted",
           "validation-failure", "tlsa-invalid", "dnssec-invalid",
           "dane-required", "sts-policy-fetch-error", "sts-policy-invalid",
           "sts-webpki-invalid"]
DETAIL = _object({"result-type": {"enum": RESULTS},
                  "failed-session-count": {"type": "integer", "minimum": 1}},
                 **{"sending-mta-ip": ADDRESS, "receiving-ip": ADDRESS,
                    "receiving-mx-hostname": HOST, "receiving-mx-helo": WORDS,
                    "additional-information": {"type": "string",
                                               "format": "uri"},
                    "failure-reason-code": WORDS})
POLICY = _object({"policy-type": {"enum": ["tlsa", "sts", "no-policy-found"]},
                  "policy-domain": HOST},
                 **{"policy-string": _list(WORDS, 1),
                    "mx-host": _list({"type": "string",
                                      "pattern": r"^(\*\.)?[a-z0-9_.-]+$"},
                                     1)})
# RFC 8460 4.4; what we promise is narrower in some places.
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    **_object({
        "organization-name": WORDS,
        "date-range": _object({
            "start-datetime": {"type": "string", "pattern":
                               r"^\d{4}-\d\d-\d\dT00:00:00Z$"},
            "end-datetime": {"type": "string", "pattern":
                             r"^\d{4}-\d\d-\d\dT23:59:59Z$"}}),
        "contact-info": {"type": "string",
                         "pattern": r"^[^@\s<>]+@[A-Za-z0-9.-]+$"},
        "report-id": {"type": "string",
                      "pattern": r"^[A-Za-z0-9.-]+@[A-Za-z0-9.-]+$"},
        "policies": _list(_object(
            {"policy": POLICY,
             "summary": _object({"total-successful-session-count": COUNT,
                                 "total-failure-session-count": COUNT})},
            **{"failure-details": _list(DETAIL, 1)}), 1)}),
}
jsonschema.Draft7Validator.check_schema(SCHEMA)
_VALIDATOR = jsonschema.Draft7Validator(
    SCHEMA, format_checker=jsonschema.FormatChecker())


def _no_twice(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a member twice: {names}"
    return dict(pairs)


def parse_json(raw):
    """I-JSON (RFC 7493) after the schema; the report."""
    report = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_twice)
    faults = ["/".join(map(str, fault.path)) + ": " + fault.message
              for fault in _VALIDATOR.iter_errors(report)]
    assert not faults, f"the schema finds {faults} in {report}"
    for row in report["policies"]:
        summary = row["summary"]
        if row["policy"]["policy-type"] != "sts":
            assert "mx-host" not in row["policy"], "mx-host without sts"
        total = sum(summary.values())
        assert total > 0, "a row about nothing"
    return report


def _seconds(text):
    return int(datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00")).timestamp())


def parse_filename(name, report):
    """RFC 8460 5.1, and that it says what the report says."""
    found = re.fullmatch(r"([^!]+)!([^!]+)!(\d+)!(\d+)!([A-Za-z0-9]+)"
                         r"\.json\.gz", name)
    assert found, f"filename {name}"
    submitter, domain, begin, end, unique = found.groups()
    span = report["date-range"]
    assert submitter == report["contact-info"].partition("@")[2], submitter
    assert int(begin) == _seconds(span["start-datetime"]), begin
    assert int(end) == _seconds(span["end-datetime"]), end
    assert int(end) - int(begin) == 86399, "a day"
    assert unique in report["report-id"], unique
    return domain


class Mail:
    """A report mail as a receiver takes it apart (RFC 8460 5.3)."""

    def __init__(self, text):
        self.raw = text.encode("latin-1")
        self.message = email.message_from_bytes(self.raw,
                                                policy=email.policy.default)
        message = self.message
        assert not message.defects, message.defects
        assert message.get_content_type() == "multipart/report"
        assert message.get_param("report-type") == "tlsrpt"
        human, machine = message.iter_parts()
        assert human.get_content_type() == "text/plain"
        assert machine.get_content_type() == "application/tlsrpt+gzip"
        assert machine.get_content_disposition() == "attachment"
        self.report = parse_json(gzip.decompress(machine.get_content()))
        self.domain = parse_filename(machine.get_filename(), self.report)
        self._check_fields()

    def _check_fields(self):
        message, report = self.message, self.report
        submitter = report["contact-info"].partition("@")[2]
        assert message["TLS-Report-Domain"] == self.domain
        assert message["TLS-Report-Submitter"] == submitter
        assert message["TLS-Required"] == "No"
        assert message["Auto-Submitted"] == "auto-generated"
        subject = " ".join(message["Subject"].split())
        assert subject == (f"Report Domain: {self.domain} Submitter: "
                           f"{submitter} Report-ID: "
                           f"<{report['report-id']}>"), subject
        assert message["Message-ID"] == f"<{report['report-id']}>"
        for line in self.raw.split(b"\r\n"):
            assert len(line) <= 998, "a line of a mail (RFC 5322 2.1.1)"
