package io.ffrtmp.governance;

import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.LimitOutcome.Status;

/**
 * Whether the platform kept its promise to a job, decided exactly once. A workload that fails by
 * itself is no breach: the platform is judged, not the command.
 */
public enum Verdict {
  /** The host could not start it, or could not apply a limit that was required. */
  PLATFORM_START_FAILED(false),
  /** It could not start by its own fault: missing, not executable, a bad directory or log file. */
  WORKLOAD_NOT_STARTABLE(true),
  /** Its end was lost to us. */
  OBSERVATION_LOST(false),
  /** A limit asked for was denied or is unsupported. */
  LIMITS_NOT_ENFORCED(false),
  /** A limit in force was changed, or the process moved out of it, by somebody else. */
  LIMITS_LOST(false),
  /** It failed after the kernel killed for want of memory above the job. */
  PLATFORM_OUT_OF_MEMORY(false),
  /** We stopped watching; the workload goes on. */
  DETACHED_WORKLOAD_CONTINUES(true),
  /** Attached, and seen to its end. */
  OBSERVED_TO_COMPLETION(true),
  /**
   * It exited non-zero or by a signal, its own memory limit included; the platform did its part.
   */
  WORKLOAD_FAILED_PLATFORM_OK(true),
  /** It exited 0, and a limit was only substituted. */
  COMPLETED_DEGRADED(true),
  /** It exited 0, and every limit asked for was in force to the end. */
  COMPLETED_WITHIN_LIMITS(true),
  /** It exited 0, and no limit was asked for. */
  SUCCESS(true);

  private final boolean compliant;

  Verdict(boolean compliant) {
    this.compliant = compliant;
  }

  /** Whether the platform kept its promise. */
  public boolean compliant() {
    return compliant;
  }

  /** The name in JSON, log lines and meters, such as {@code completed_within_limits}. */
  public String wireName() {
    return WireValue.name(this);
  }

  /** The verdict: total and pure, the first match in the order of the constants. */
  public static Verdict of(Mode mode, Ending ending, Receipt receipt, Evidence evidence) {
    if (ending instanceof NeverStarted never) {
      boolean platform = never.failure().fault() == StartFailure.Fault.PLATFORM;
      return platform ? PLATFORM_START_FAILED : WORKLOAD_NOT_STARTABLE;
    }
    if (ending instanceof Ended ended && lost(mode, ended.status())) {
      return OBSERVATION_LOST;
    }
    if (receipt.any(status -> status == Status.DENIED || status == Status.UNSUPPORTED)) {
      return LIMITS_NOT_ENFORCED;
    }
    if (receipt.any(status -> status == Status.LOST)
        || (evidence.movedByOthers() && receipt.any(Status::inForce))) {
      return LIMITS_LOST;
    }
    boolean failed = ending instanceof Ended ended && failed(ended.status());
    if (failed && evidence.oomKilledBy().filter(Evidence.OomCause.ABOVE::equals).isPresent()) {
      return PLATFORM_OUT_OF_MEMORY;
    }
    if (ending instanceof Detached) {
      return DETACHED_WORKLOAD_CONTINUES;
    }
    if (mode == Mode.ATTACH) {
      return OBSERVED_TO_COMPLETION;
    }
    if (failed) {
      return WORKLOAD_FAILED_PLATFORM_OK;
    }
    if (receipt.any(status -> status == Status.SUBSTITUTED)) {
      return COMPLETED_DEGRADED;
    }
    return receipt.limits().isEmpty() ? SUCCESS : COMPLETED_WITHIN_LIMITS;
  }

  private static boolean lost(Mode mode, ExitStatus status) {
    return status instanceof Unknown unknown
        && (mode == Mode.RUN
            || unknown.cause() == Cause.UNREAPED
            || unknown.cause() == Cause.OBSERVATION_BROKE);
  }

  private static boolean failed(ExitStatus status) {
    return status instanceof Signalled || (status instanceof Exited exited && exited.code() != 0);
  }
}
