# SPDX-License-Identifier: GPL-2.0-or-later
# single-file.sed - marks the places in Debian's exim4.conf.template (the
# single file, Debian's default) where the drop-ins of conf.d belong, which
# are ignored there unless somebody includes them:
#	sed -i.bak -f single-file.sed /etc/exim4/exim4.conf.template
# Undo: sed -i '/mta-sts/d' /etc/exim4/exim4.conf.template
/^### end main\/01_exim4-config_listmacrosdefs/i\
# mta-sts: macros\
.include /etc/exim4/conf.d/main/01_mta-sts
/^### end acl\/20_exim4-config_local_deny_exceptions/i\
# mta-sts: ACL\
.include /etc/exim4/conf.d/acl/25_mta-sts
/^### end router\/150_exim4-config_hubbed_hosts/i\
# mta-sts: routers\
.include /etc/exim4/conf.d/router/190_mta-sts
/^### end transport\/10_exim4-config_transport-macros/i\
# mta-sts: transports\
.include /etc/exim4/conf.d/transport/30_mta-sts_smtp
