package io.ffrtmp.governance.testing;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** One observation of a pretended workload; its result is made once. */
abstract class MemoryJob {
  /** By default these end nothing: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH (signal(7)). */
  private static final Set<Integer> HARMLESS = Set.of(17, 18, 19, 20, 21, 22, 23, 28);

  final InMemoryGovernor governor;
  final JobStart start;
  final Outcome running;
  private final long startNanos = System.nanoTime();
  private final AtomicBoolean claimed = new AtomicBoolean();
  private final CompletableFuture<JobResult> result = new CompletableFuture<>();
  private final CountDownLatch told = new CountDownLatch(1);
  private volatile Optional<JobResult> frozen = Optional.empty();

  private MemoryJob(InMemoryGovernor governor, JobStart start, Outcome running) {
    this.governor = governor;
    this.start = start;
    this.running = running;
  }

  final boolean watched() {
    return !claimed.get();
  }

  /** Once; a later call changes nothing. */
  final void conclude(Outcome outcome) {
    if (claimed.compareAndSet(false, true)) {
      Duration time = Duration.ofNanos(System.nanoTime() - startNanos);
      Outcome whole = outcome.receipt(outcome.receipt().orElse(receipt()));
      JobResult made = whole.result(start, time);
      frozen = Optional.of(made);
      governor.tell(listener -> listener.finished(made));
      if (made.workloadEnded()) {
        governor.forget(this); // no sooner than listeners know, no later than those who wait
      }
      told.countDown();
      result.complete(made);
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
    return frozen.map(JobResult::receipt).or(running::receipt).orElse(Receipt.EMPTY);
  }

  public final ResourceUsage usage() {
    return frozen.map(JobResult::usage).orElseGet(running::usage);
  }

  public final JobResult await() throws InterruptedException {
    return await(Duration.ofSeconds(Long.MAX_VALUE)).orElseThrow();
  }

  public final Optional<JobResult> await(Duration timeout) throws InterruptedException {
    boolean ended = told.await(TimeUnit.NANOSECONDS.convert(timeout), TimeUnit.NANOSECONDS);
    return ended ? frozen : Optional.empty();
  }

  public final CompletableFuture<JobResult> onExit() {
    return result.copy();
  }

  public final JobResult detach() {
    conclude(Outcome.of(new Detached()));
    return frozen.orElseGet(result::join);
  }

  static final class Started extends MemoryJob implements StartedJob {
    Started(InMemoryGovernor governor, JobStart start, Outcome running) {
      super(governor, start, running);
    }

    @Override
    public boolean signal(Signal signal) {
      Ended ended = new Ended(new Signalled(signal, false));
      return watched()
          && (HARMLESS.contains(signal.number()) || governor.end(this, Outcome.of(ended)));
    }

    @Override
    public List<Long> kill() {
      signal(Signal.KILL);
      return List.of();
    }

    @Override
    public List<Integer> inheritedPipes() {
      return List.of();
    }
  }

  static final class Attached extends MemoryJob implements AttachedJob {
    Attached(InMemoryGovernor governor, JobStart start, Outcome running) {
      super(governor, start, running);
    }

    @Override
    public JobResult release() {
      governor.release(this);
      return detach();
    }
  }
}
