package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.ErrnoException;

/** A system call, one of whose failures is an answer. */
interface Call {
  void run() throws ErrnoException;

  /** Whether the call succeeded; false means that it failed with this errno. */
  static boolean unless(int errno, Call call) throws ErrnoException {
    try {
      call.run();
      return true;
    } catch (ErrnoException e) {
      if (e.errno() == errno) {
        return false;
      }
      throw e;
    }
  }

  /** One after the other. */
  static void both(Call first, Call second) throws ErrnoException {
    first.run();
    second.run();
  }
}
