package io.ffrtmp.governance.linux.libc;

import java.io.IOException;

/** A system call failed. The message names the call, its object, the errno and its meaning. */
public class ErrnoException extends IOException {
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

  /** Whether what was asked for is not there: of a process or thread, that it has ended. */
  public boolean isGone() {
    return errno == Errno.ENOENT || errno == Errno.ESRCH;
  }

  /** Whether we lack something, which tells nothing of what was asked for. */
  public boolean isShortage() {
    return errno == Errno.EMFILE || errno == Errno.ENFILE || errno == Errno.ENOMEM;
  }

  /** The errno's name, such as {@code ENOENT}. */
  public String name() {
    return Errno.name(errno);
  }
}
