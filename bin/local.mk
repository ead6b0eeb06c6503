pkglibexec_PROGRAMS += bin/kontor-admin
bin_kontor_admin_SOURCES = bin/admin.c bin/admin.h bin/demo.c bin/queue.c

dist_bin_SCRIPTS += bin/kontor
kontordir = $(pkgdatadir)/kontor.d
dist_kontor_DATA = \
	bin/kontor.d/backup.sh bin/kontor.d/bench.sh bin/kontor.d/build.sh bin/kontor.d/check.sh \
	bin/kontor.d/instance.sh bin/kontor.d/packages.sh bin/kontor.d/po.pl bin/kontor.d/postgres.sh \
	bin/kontor.d/programs.sh bin/kontor.d/rest.sh bin/kontor.d/test.sh bin/kontor.d/up.sh bin/kontor.d/vendor.pl \
	bin/kontor.d/web.sh

# Units name the directories of this build.
SYSTEMD_UNITS = bin/systemd/kontor.target bin/systemd/kontor@.service bin/systemd/kontor@.socket \
	bin/systemd/kontor-worker.service
nodist_systemdsystemunit_DATA = $(SYSTEMD_UNITS)
EXTRA_DIST += $(SYSTEMD_UNITS:=.in)
CLEANFILES += $(SYSTEMD_UNITS)
$(SYSTEMD_UNITS): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|@pkglibexecdir@|$(pkglibexecdir)|g' \
		-e 's|@sysconfdir@|$(sysconfdir)|g' $(srcdir)/$@.in > $@

tmpfilesdir = $(prefix)/lib/tmpfiles.d
install-data-hook:
	$(MKDIR_P) "$(DESTDIR)$(tmpfilesdir)"
	$(INSTALL_DATA) $(srcdir)/bin/systemd/kontor.tmpfiles "$(DESTDIR)$(tmpfilesdir)/kontor.conf"
EXTRA_DIST += bin/systemd/kontor.tmpfiles m4/.gitkeep .clang-format .editorconfig .gitignore

# What is installed as it is, and what a tarball carries beside the sources.
# Only these lists of folders: a new migration, template or test needs no line.
INSTALLED_TREES = sql templates nginx
FIND_FILES = -type f ! -name '*.o' ! -name '*.log' ! -name '*.trs' ! -name local.mk \
	! -name .dirstamp ! -name '*.Po' ! -path '*/node_modules/*'

install-data-local: vendor-assets
	cd $(srcdir) && find $(INSTALLED_TREES) $(FIND_FILES) | while read -r f; do \
		$(MKDIR_P) "$(DESTDIR)$(pkgdatadir)/$${f%/*}" && \
		$(INSTALL_DATA) "$$f" "$(DESTDIR)$(pkgdatadir)/$$f" || exit 1; \
	done

# The installed command knows where its things are.
install-exec-hook:
	sed -i -e 's|^LIBEXEC_DIR=.*|LIBEXEC_DIR=$(pkglibexecdir)|' \
		-e 's|^DATA_DIR=.*|DATA_DIR=$(pkgdatadir)|' "$(DESTDIR)$(bindir)/kontor"

uninstall-local:
	cd "$(DESTDIR)$(pkgdatadir)" && rm -rf $(INSTALLED_TREES)
	rm -f "$(DESTDIR)$(tmpfilesdir)/kontor.conf"

dist-hook: vendor-assets
	cd $(srcdir) && find $(INSTALLED_TREES) t .ci $(FIND_FILES) | while read -r f; do \
		case " $(check_PROGRAMS) $(noinst_PROGRAMS) " in *" $$f "*) continue ;; esac; \
		test -e "$(abs_distdir)/$$f" && continue; \
		$(MKDIR_P) "$(abs_distdir)/$${f%/*}" && cp -p "$$f" "$(abs_distdir)/$$f" || exit 1; \
	done
abs_distdir = $(abs_builddir)/$(distdir)

# The browser's assets: in a tarball they are there; from a checkout they are
# gathered here, unless bin/kontor did before.
ASSETS = $(srcdir)/templates/assets
vendor-assets:
	@if test -e $(ASSETS)/vendor/.complete && \
		! test $(ASSETS)/package-lock.json -nt $(ASSETS)/vendor/.complete; then exit 0; fi; \
	command -v npm >/dev/null || { echo "npm is missing, and templates/assets/vendor with it:" \
		"apt-get install npm, or take a release tarball" >&2; exit 1; }; \
	(cd $(ASSETS) && npm ci --ignore-scripts --no-audit --no-fund) && \
	perl $(srcdir)/bin/kontor.d/vendor.pl $(ASSETS)
.PHONY: vendor-assets

# For bin/kontor test: build the unit tests without running them.
check-programs: $(check_PROGRAMS)
.PHONY: check-programs
