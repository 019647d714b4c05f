// Status: what can go wrong in the core, where there are no exceptions.
// The numbers are frozen (docs/errors.md): they reach scripts and device logs.
#pragma once

#include <cstdint>

namespace mallorn {

enum class [[nodiscard]] Status : uint8_t{
    ok = 0,
    truncated = 1,            // input ended before its declared end
    trailing_bytes = 2,       // bytes after the declared end
    bad_magic = 3,            // not a file of this kind
    unsupported_version = 4,  // right kind, version this program does not know
    unsupported_feature = 5,  // mandatory feature, profile or codec not built in here
    malformed = 6,            // a field has a value its format does not allow
    limit_exceeded = 7,       // a declared size is above a stated limit
    overlap = 8,              // ranges that must not overlap do
    unknown_codec = 9,        // codec number not in the registry
    corrupt_data = 10,        // coded data does not decode
    check_mismatch = 11,      // CRC-32C of a frame or chunk is wrong
    base_mismatch = 12,       // the base is not the file this patch was made for
    result_mismatch = 13,     // what was rebuilt is not what the patch promises
    bad_signature = 14,       // signature, key, model id or release refused
    io = 15,                  // the system failed to read or write
    no_space = 16,            // no room for the output
    out_of_memory = 17,       // declared need is above what may be used
    internal = 18,            // a fault of this program
    usage = 19,               // wrong option or argument
    cannot_open = 20,         // input missing, unreadable or not a regular file
    cannot_create = 21,       // output exists, or its folder does not take it
    interrupted = 22,         // stopped by a signal; may be resumed
};

// The name as written in messages and documents, e.g. "base_mismatch".
const char* status_name(Status status);

}  // namespace mallorn
