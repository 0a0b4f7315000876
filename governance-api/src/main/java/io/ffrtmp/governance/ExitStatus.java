package io.ffrtmp.governance;

/** How a process ended, as the kernel told it (waitid(2), or PIDFD_GET_INFO of ioctl_pidfd(2)). */
public sealed interface ExitStatus {

  /** The form of the log line: {@code 0}, {@code signal:9} or {@code unknown:CAUSE}. */
  default String brief() {
    if (this instanceof Exited exited) {
      return Integer.toString(exited.code());
    }
    return this instanceof Signalled signalled
        ? "signal:" + signalled.signal().number()
        : "unknown:" + ((Unknown) this).cause().wireName();
  }

  /**
   * It exited by itself.
   *
   * @param code 0 to 255
   */
  record Exited(int code) implements ExitStatus {
    /**
     * Checks the range.
     *
     * @throws IllegalArgumentException if the code is not within 0 and 255
     */
    public Exited {
      Checks.between("exit code", code, 0, 255);
    }
  }

  /**
   * A signal ended it.
   *
   * @param signal which
   * @param coreDumped whether the kernel wrote a core dump
   */
  record Signalled(Signal signal, boolean coreDumped) implements ExitStatus {}

  /**
   * The kernel would not tell. Never a guess.
   *
   * @param cause why
   */
  record Unknown(Cause cause) implements ExitStatus {}

  /** Why an exit status is unknown. */
  enum Cause {
    /** Not our child, and the kernel is older than Linux 6.15. */
    KERNEL_TOO_OLD,
    /** Not our child, and its parent has not reaped it. */
    UNREAPED,
    /** It was dead and reaped before it could be watched. */
    OPENED_AFTER_DEATH,
    /** The kernel refused to tell us. */
    NOT_PERMITTED,
    /** SIGCHLD is ignored in this JVM, or somebody else in it reaped our child. */
    AUTO_REAPED,
    /** It ended while no governor watched. */
    NOT_WATCHED,
    /** The watching itself failed. */
    OBSERVATION_BROKE;

    /** The name in JSON, such as {@code kernel_too_old}. */
    public String wireName() {
      return WireValue.name(this);
    }
  }
}
