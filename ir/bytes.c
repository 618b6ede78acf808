#include "ir/bytes.h"

#include <errno.h>
#include <unistd.h>

bool bytes_write(Bytes bytes, int file, int64_t at) {
    for (size_t done = 0; done < bytes.count;) {
        const ssize_t written =
            pwrite(file, bytes.data + done, bytes.count - done, (off_t)(at + (int64_t)done));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        done += (size_t)written;
    }
    return true;
}
