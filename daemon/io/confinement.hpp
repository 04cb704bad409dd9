#pragma once

// Keeps the service's secrets inside it: its memory from core dumps and other processes, its credentials
// from the processes that it starts. Those run as the same user, for which
// systemd has made $CREDENTIALS_DIRECTORY readable; so file permissions cannot do it, Landlock can: a
// process gives up access for itself and its children, without privileges. With it goes the sight of the
// daemon's memory and environment in /proc.

#include <functional>

namespace hookswitch {

/// No core dumps of this process, and no sight of its memory for others of its user. A program that it
/// starts is as usual. (In a build with the leak sanitizer, which traces its own process, this is for root
/// only.)
void keep_memory_private();

/// Calls `start`, which starts a process and returns 0 or an error number, on a thread of its own that
/// cannot open files below $CREDENTIALS_DIRECTORY, nor can what it starts. Returns what `start` does, or
/// the error number of the confinement, and then nothing was started.
///
/// Without such a directory, without no_new_privs (which the unit sets, and Landlock needs), and on kernels
/// before 5.19 it just calls `start`. Paths that come into being beside the directories on the way to the
/// hidden one, such as a new one in /run, are not readable to a process that was started before.
int start_without_credentials(const std::function<int()>& start);

}  // namespace hookswitch
