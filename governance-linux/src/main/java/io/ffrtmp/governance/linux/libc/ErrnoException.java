package io.ffrtmp.governance.linux.libc;

import java.io.IOException;

/** A system call failed. The message names the call, its object, the errno and its meaning. */
public final class ErrnoException extends IOException {
  private static final long serialVersionUID = 1L;

  private final int errno;
  private final String tried;

  /** With the errno's number and what was tried, such as {@code "open /etc/shadow"}. */
  public ErrnoException(int errno, String tried) {
    this.errno = errno;
    this.tried = tried;
  }

  @Override
  public String getMessage() {
    return tried + ": " + Errno.name(errno) + ", " + Libc.strerror(errno);
  }

  public int errno() {
    return errno;
  }

  /** The errno's name, such as {@code ENOENT}. */
  public String name() {
    return Errno.name(errno);
  }
}
