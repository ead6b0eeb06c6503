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
