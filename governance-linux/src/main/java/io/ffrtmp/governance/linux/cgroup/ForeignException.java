package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;

/** A directory of another user's, who could hold it for ever, and plant marks in it. */
final class ForeignException extends ErrnoException {
  private static final long serialVersionUID = 1L;

  private final String whose;

  ForeignException(String directory, int owner) {
    super(Errno.EACCES, "lock " + directory);
    whose = directory + " belongs to user " + owner;
  }

  @Override
  public String getMessage() {
    return whose + ": " + super.getMessage();
  }

  String cure() {
    return whose + ": remove it, or name another";
  }
}
