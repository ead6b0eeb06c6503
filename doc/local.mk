dist_man_MANS += doc/kontor.1 doc/kontor.conf.5
EXTRA_DIST += doc/admin.md doc/api.md doc/architecture.md doc/dependencies.md doc/gateways.md doc/install.md \
	doc/rest.md doc/webhooks.md doc/images/board.png doc/images/booking.png doc/images/inbox.png \
	doc/images/quote.png doc/images/quote-pdf.png

# Every setting with its meaning and default, as comments.
nodist_pkgdata_DATA = doc/kontor.conf.example
CLEANFILES += doc/kontor.conf.example
doc/kontor.conf.example: lib/base/conf.def
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -n \
		's/^CONF(\([a-z_]*\), "\(.*\)", "\(.*\)")$$/# \3\n#\1 = \2\n/p' \
		$(srcdir)/lib/base/conf.def > $@
