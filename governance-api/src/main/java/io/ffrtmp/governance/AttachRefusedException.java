package io.ffrtmp.governance;

/**
 * A process was not attached to, and everything is as it was; if something could not be put back,
 * the message says what, and {@link Governor#recover()} finds it. The message says what to do. No
 * observation began: there is no result, and no listener is told.
 */
public final class AttachRefusedException extends GovernanceException {
  private static final long serialVersionUID = 1L;

  /** Why a process can't be attached to. */
  public enum Reason {
    /** There is no process of this id in our pid namespace. */
    NO_SUCH_PROCESS,
    /** It has ended, and at most a zombie is left; or it ended while we attached. */
    ENDED,
    /** The id is that of a thread; a process has the id of its first thread. */
    THREAD,
    /** It is a thread of the kernel. */
    KERNEL_THREAD,
    /** It is this JVM, one of its ancestors, or init. */
    OURSELVES,
    /** It is there, but {@code /proc} does not show it to us (hidepid, proc(5)). */
    HIDDEN,
    /** It lives in a pid namespace beneath ours, such as a container's. */
    OTHER_NAMESPACE,
    /**
     * Its threads live in different cgroups, which a move would collapse into one; or, on v2, its
     * first thread has ended, and the others alone would be moved.
     */
    THREADS_SPREAD,
    /** It is, or belongs to, a job already. */
    ALREADY_GOVERNED,
    /** It uses more memory than the {@code memory.max} asked for. */
    MEMORY_IN_USE,
    /** A limit that was required can't be had. */
    LIMITS_REQUIRED,
    /** No descriptor, or no memory for one, is left to watch it by. */
    NO_DESCRIPTOR,
    /** Somebody else moved it while we did; what was moved was put back. */
    MOVED_AWAY
  }

  /** Why. */
  private final Reason reason;

  /** For implementations of {@link Governor}. */
  public AttachRefusedException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /** Why the process was not attached to. */
  public Reason reason() {
    return reason;
  }
}
