package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;

/** What every job is: its facts, its group, its descriptor, and one result, concluded once. */
abstract class GovernedJob {
  final JobStart start;
  final long startNanos;
  final JobGroup group;
  final Mark mark;
  final Receipt receipt;
  final Optional<Pidfd> pidfd;

  private final Conclude conclude;
  private final AtomicBoolean concluded = new AtomicBoolean();

  /** For those who wait here; nobody else has it, as a waiter runs what hangs on its future. */
  private final CompletableFuture<JobResult> result = new CompletableFuture<>();

  /** While it is held and nothing is frozen yet, the group is this job's, not a successor's. */
  final ReentrantLock grouped = new ReentrantLock();

  /** Known to listeners before it is to those who wait; set while {@link #grouped} is held. */
  volatile Optional<JobResult> frozen = Optional.empty();

  private final CompletableFuture<JobResult> copied = new CompletableFuture<>();

  GovernedJob(
      JobStart start,
      long startNanos,
      JobGroup group,
      Mark mark,
      Receipt receipt,
      Optional<Pidfd> pidfd,
      Conclude conclude) {
    this.start = start;
    this.startNanos = startNanos;
    this.group = group;
    this.mark = mark;
    this.receipt = receipt;
    this.pidfd = pidfd;
    this.conclude = conclude;
  }

  /** Whether the caller is the one who concludes the observation: true once. */
  final boolean claim() {
    return concluded.compareAndSet(false, true);
  }

  final boolean watched() {
    return !concluded.get();
  }

  /**
   * Hands the result to all who wait: to those in {@link #await()} here, to the consumers of
   * futures, which may themselves wait for jobs, on threads that no conclusion needs.
   */
  final void complete(JobResult frozen, Executor consumers) {
    result.complete(frozen);
    if (copied.getNumberOfDependents() > 0) {
      copied.completeAsync(() -> frozen, consumers);
    } else {
      copied.complete(frozen);
    }
  }

  public final String id() {
    return start.jobId();
  }

  public final Mode mode() {
    return start.mode();
  }

  public final long pid() {
    return start.pid().orElseThrow();
  }

  public final Optional<String> intent() {
    return start.intent();
  }

  public final Instant startTime() {
    return start.startTime();
  }

  public final Receipt receipt() {
    return frozen.map(JobResult::receipt).orElse(receipt);
  }

  public final ResourceUsage usage() {
    grouped.lock();
    try {
      return frozen.map(JobResult::usage).orElseGet(group::usage);
    } finally {
      grouped.unlock();
    }
  }

  public final JobResult await() throws InterruptedException {
    try {
      return result.get();
    } catch (ExecutionException impossible) {
      throw new AssertionError(impossible);
    }
  }

  public final Optional<JobResult> await(Duration timeout) throws InterruptedException {
    try {
      return Optional.of(result.get(saturatedNanos(timeout), TimeUnit.NANOSECONDS));
    } catch (TimeoutException notYet) {
      return Optional.empty();
    } catch (ExecutionException impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static long saturatedNanos(Duration timeout) {
    boolean longer = timeout.toDays() > 36_500;
    return timeout.isNegative() ? 0 : longer ? Long.MAX_VALUE : timeout.toNanos();
  }

  public final CompletableFuture<JobResult> onExit() {
    return copied.copy();
  }

  public final JobResult detach() {
    if (!pidfd.map(Pidfd::ended).orElse(true) && claim()) {
      conclude.detached(this);
    }
    return frozen.orElseGet(result::join);
  }

  @Override
  public final String toString() {
    return start.toString();
  }
}
