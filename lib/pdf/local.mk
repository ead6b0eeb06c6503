lib_libkontor_a_SOURCES += \
	lib/pdf/draw.c \
	lib/pdf/finish.c \
	lib/pdf/fonts.c \
	lib/pdf/footer.c \
	lib/pdf/internal.h \
	lib/pdf/number.c \
	lib/pdf/pdf.h \
	lib/pdf/picture.c \
	lib/pdf/quote.c lib/pdf/quote.h lib/pdf/quote_label.def \
	lib/pdf/shape.c \
	lib/pdf/table.c

check_PROGRAMS += t/unit/test_pdf
t_unit_test_pdf_SOURCES = t/unit/test_pdf.c t/bench/quote_sample.h

noinst_PROGRAMS += t/bench/bench_pdf
t_bench_bench_pdf_SOURCES = t/bench/bench_pdf.c t/bench/quote_page.h t/bench/quote_sample.h
