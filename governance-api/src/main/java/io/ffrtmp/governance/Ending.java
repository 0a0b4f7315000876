package io.ffrtmp.governance;

/** How an observation ended. */
public sealed interface Ending {

  /** The name in JSON: {@code ended}, {@code detached} or {@code never_started}. */
  default String wireName() {
    return this instanceof Ended
        ? "ended"
        : this instanceof Detached ? "detached" : "never_started";
  }

  /**
   * The workload ended while it was watched.
   *
   * @param status how
   */
  record Ended(ExitStatus status) implements Ending {}

  /** We stopped watching; the workload goes on. */
  record Detached() implements Ending {}

  /**
   * The workload never executed its first instruction.
   *
   * @param failure why
   */
  record NeverStarted(StartFailure failure) implements Ending {}
}
