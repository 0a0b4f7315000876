package io.ffrtmp.governance;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * One workload under observation.
 *
 * <p>Thread-safe. Interrupt, timeout and cancellation end the one waiter that they hit; the job
 * stays watched. Only {@link #detach()}, {@link AttachedJob#release()} and {@link Governor#close()}
 * stop the watching, and none harms the workload.
 */
public sealed interface Job permits StartedJob, AttachedJob {

  /** The id that this job was given, or the generated one. */
  String id();

  /** Whether the workload was started by us or attached to. */
  Mode mode();

  /** The process id of the workload's leader, valid until its end. */
  long pid();

  /** What the caller said that this job is for. */
  Optional<String> intent();

  /** When the observation began, by the wall clock, to the microsecond. */
  Instant startTime();

  /** What became of each limit that was asked for; after the end, the final receipt. */
  Receipt receipt();

  /** The kernel's counters, read now; after the end, the final ones. Empty without a group. */
  ResourceUsage usage();

  /**
   * Waits for the end of the observation.
   *
   * @throws InterruptedException if this thread is interrupted; the job stays watched
   */
  JobResult await() throws InterruptedException;

  /**
   * Waits for the end of the observation, but not longer than the timeout.
   *
   * @return the result, or empty when the timeout passed first; the job stays watched
   * @throws InterruptedException if this thread is interrupted; the job stays watched
   */
  Optional<JobResult> await(Duration timeout) throws InterruptedException;

  /**
   * A future of the result, a fresh one for each call: cancelling or completing it ends that waiter
   * and nothing else. It never completes exceptionally by itself.
   */
  CompletableFuture<JobResult> onExit();

  /**
   * Stops watching. The workload goes on, its limits stay in force, its group stays in place.
   *
   * @return the frozen result: {@link Ending.Detached}, or the real ending if it came first
   */
  JobResult detach();
}
