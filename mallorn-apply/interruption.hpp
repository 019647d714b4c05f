// What work that can be taken up again says when it stops half way.
#pragma once

#include <string>

#include "libcommon/core/status.hpp"

namespace mallorn::apply {

// The hint that goes with exit code 75.
constexpr const char* kGoOn = "the same command, run again, goes on where this one stopped";

// Whether a fault is the machine's or the line's, so that it may be gone the next time.
bool may_pass(Status status);

// From now on SIGINT, SIGTERM and SIGHUP end the program with exit code 75 and a message
// that names `what` and has kGoOn. Called at most once.
void end_resumably_on_signals(const std::string& what);

// From now on they do nothing: what is left to do takes a moment, and when it is half done
// that would not be true.
void ignore_signals();

}  // namespace mallorn::apply
