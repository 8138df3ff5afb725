/* libarchive, which making a bundle loads. */
#include <archive.h>
#include <archive_entry.h>
#include <sys/types.h>

#include "lazy.h"

#define LAZY_LIBRARY "libarchive.so.13"

typedef struct archive Archive;
typedef struct archive_entry Entry;

LAZY_FUNCTION(void, archive_entry_free, (Entry * a), (a))
LAZY_FUNCTION(Entry *, archive_entry_new, (void), ())
LAZY_FUNCTION(void, archive_entry_set_filetype, (Entry * a, unsigned int b), (a, b))
LAZY_FUNCTION(void, archive_entry_set_mtime, (Entry * a, time_t b, long c), (a, b, c))
LAZY_FUNCTION(void, archive_entry_set_pathname, (Entry * a, const char *b), (a, b))
LAZY_FUNCTION(void, archive_entry_set_perm, (Entry * a, mode_t b), (a, b))
LAZY_FUNCTION(void, archive_entry_set_size, (Entry * a, la_int64_t b), (a, b))
LAZY_FUNCTION(const char *, archive_error_string, (Archive * a), (a))
LAZY_FUNCTION(int, archive_free, (Archive * a), (a))
LAZY_FUNCTION(int, archive_write_add_filter_zstd, (Archive * a), (a))
LAZY_FUNCTION(int, archive_write_close, (Archive * a), (a))
LAZY_FUNCTION(la_ssize_t, archive_write_data, (Archive * a, const void *b, size_t c), (a, b, c))
LAZY_FUNCTION(int, archive_write_header, (Archive * a, Entry *b), (a, b))
LAZY_FUNCTION(Archive *, archive_write_new, (void), ())
LAZY_FUNCTION(int, archive_write_open_fd, (Archive * a, int b), (a, b))
LAZY_FUNCTION(int, archive_write_set_format_option,
              (Archive * a, const char *b, const char *c, const char *d), (a, b, c, d))
LAZY_FUNCTION(int, archive_write_set_format_pax_restricted, (Archive * a), (a))
