package io.ffrtmp.governance.testing;

import io.ffrtmp.governance.Ending;
import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.Evidence;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * How a pretended job goes, and the factory of its result; the verdict is computed, as ever. Every
 * setter returns a copy.
 *
 * @param ending how it ends at once; empty: it goes on until {@link InMemoryGovernor#end} ends it
 * @param receipt what became of its limits; empty: every limit asked for is applied
 * @param usage the kernel's counters
 * @param evidence what else was found at the end
 * @param time how long it took, by the result; empty: as long as it really did
 */
public record Outcome(
    Optional<Ending> ending,
    Optional<Receipt> receipt,
    ResourceUsage usage,
    Evidence evidence,
    Optional<Duration> time) {

  private static Outcome of(Optional<Ending> ending) {
    return new Outcome(
        ending, Optional.empty(), ResourceUsage.UNKNOWN, Evidence.NONE, Optional.empty());
  }

  /** It ends so. */
  public static Outcome of(Ending ending) {
    return of(Optional.of(ending));
  }

  /** It exits by itself with this code, 0 to 255. */
  public static Outcome exited(int code) {
    return of(new Ended(new Exited(code)));
  }

  /** It goes on until {@link InMemoryGovernor#end} ends it. */
  public static Outcome running() {
    return of(Optional.empty());
  }

  /** With this receipt. */
  public Outcome receipt(Receipt told) {
    return new Outcome(ending, Optional.of(told), usage, evidence, time);
  }

  /** With these counters. */
  public Outcome usage(ResourceUsage counters) {
    return new Outcome(ending, receipt, counters, evidence, time);
  }

  /** With this evidence. */
  public Outcome evidence(Evidence found) {
    return new Outcome(ending, receipt, usage, found, time);
  }

  /** After so long, by the result; nobody waits for it. */
  public Outcome time(Duration observed) {
    return new Outcome(ending, receipt, usage, evidence, Optional.of(observed));
  }

  /**
   * The result of such a job, which began at the epoch as process 4711, if it began.
   *
   * @throws IllegalArgumentException if the job goes on, or its id is not allowed
   */
  public JobResult result(String jobId, Mode mode) {
    boolean never = ending.filter(NeverStarted.class::isInstance).isPresent();
    OptionalLong pid = never ? OptionalLong.empty() : OptionalLong.of(4711);
    JobStart start = JobStart.of(jobId, pid, mode, Optional.empty(), Instant.EPOCH);
    return result(start, Duration.ZERO);
  }

  /**
   * The result of such a job.
   *
   * @param measured how long it took, unless this outcome knows better
   * @throws IllegalArgumentException if the job goes on
   */
  public JobResult result(JobStart start, Duration measured) {
    Duration observed = time.orElse(measured);
    return JobResult.freeze(
        start,
        start.startTime().plus(observed),
        observed,
        ending.orElseThrow(() -> new IllegalArgumentException("a job that goes on has no result")),
        receipt.orElse(Receipt.EMPTY),
        usage,
        evidence);
  }
}
