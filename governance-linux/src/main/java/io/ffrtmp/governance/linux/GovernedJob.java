package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.ExitStatus;
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
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What every job is: its facts, its group, its descriptor, and one result, concluded once. */
abstract class GovernedJob {
  final JobStart start;
  final long startNanos;
  private final long pid;
  final JobGroup group;
  private final byte[] mark; // as stored: there may be thousands of jobs, and most never need it
  final Receipt receipt;
  final Optional<Pidfd> pidfd;

  /** Whether the leader is our own child, for us to reap. */
  final boolean child;

  final Observer observer;
  private final AtomicBoolean concluded = new AtomicBoolean();

  /** By what the watcher knows it. */
  volatile OptionalLong token = OptionalLong.empty();

  private volatile Optional<End> end = Optional.empty();
  private @Nullable ExitStatus exit; // by whoever concludes the job

  /** Nobody else has it: what hangs on a future is run by who completes it, or waits for it. */
  private final CompletableFuture<JobResult> result = new CompletableFuture<>();

  /** While it is held and nothing is frozen yet, the group is this job's, not a successor's. */
  final ReentrantLock grouped = new ReentrantLock();

  /** Known to listeners before it is to those who wait; set while {@link #grouped} is held. */
  volatile Optional<JobResult> frozen = Optional.empty();

  /** What an observation begins with. */
  record Beginning(
      JobStart start,
      long nanos,
      JobGroup group,
      Mark mark,
      Receipt receipt,
      Optional<Pidfd> pidfd,
      Observer observer) {}

  GovernedJob(Beginning beginning, boolean child) {
    start = beginning.start;
    startNanos = beginning.nanos;
    pid = start.pid().orElseThrow();
    group = beginning.group;
    mark = beginning.mark.encode();
    receipt = beginning.receipt;
    pidfd = beginning.pidfd;
    observer = beginning.observer;
    this.child = child;
  }

  /** What the group's mark says, or should. */
  final Mark mark() {
    return group.exists() ? Mark.parse(mark).orElseThrow() : Mark.BLANK;
  }

  /** {@link JobGroup#isAnothers}. */
  final boolean hasAnothersGroup() {
    return group.isAnothers(mark);
  }

  /** A moment by the wall clock, and by the clock that never jumps. */
  record End(Instant time, long nanos) {
    static End now() {
      return new End(Instant.now(), System.nanoTime());
    }
  }

  /** The leader has died just now. */
  final void died() {
    end = end.or(() -> Optional.of(End.now()));
  }

  /** Whether that is known here. */
  final boolean hasDied() {
    return end.isPresent();
  }

  /** How it ended, which can be read once: the kernel tells no second time. */
  final ExitStatus exit(Supplier<ExitStatus> read) {
    ExitStatus known = exit;
    if (known == null) {
      known = read.get();
      exit = known;
    }
    return known;
  }

  /** When the observation ended: when the leader died, else now. */
  final End end() {
    return end.orElseGet(End::now);
  }

  /** Whether the caller is the one who concludes the observation: true once. */
  final boolean claim() {
    return concluded.compareAndSet(false, true);
  }

  final boolean watched() {
    return !concluded.get();
  }

  /** Hands the result to all who wait. */
  final void complete(JobResult frozen) {
    result.complete(frozen);
  }

  public final String id() {
    return start.jobId();
  }

  public final Mode mode() {
    return start.mode();
  }

  public final long pid() {
    return pid;
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
      return frozen
          .map(JobResult::usage)
          .orElseGet(() -> hasAnothersGroup() ? ResourceUsage.UNKNOWN : group.usage());
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
    return result.isDone()
        ? CompletableFuture.completedFuture(result.join())
        : result.thenApplyAsync(known -> known, observer.consumers);
  }

  public final JobResult detach() {
    if (!over()) {
      observer.detach(this);
    }
    return outcome();
  }

  /** Whether the leader has died, whoever has come to know of it. */
  final boolean over() {
    return pidfd.map(Pidfd::ended).orElse(true) && !(child && heldByTracer());
  }

  /** Whether our child can't be reaped yet, be it that it runs. */
  final boolean heldByTracer() {
    return pidfd.filter(Pidfd::keepsWaiting).isPresent();
  }

  /** The result, once somebody concludes the observation. */
  final JobResult outcome() {
    if (frozen.isEmpty() && grouped.isHeldByCurrentThread()) {
      throw new IllegalStateException(
          "job " + id() + " has ended, which is told once listeners know of its start: wait later");
    }
    return frozen.orElseGet(result::join);
  }

  @Override
  public final String toString() {
    return start.toString();
  }
}
