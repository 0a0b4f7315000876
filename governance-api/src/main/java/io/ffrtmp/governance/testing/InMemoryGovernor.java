package io.ffrtmp.governance.testing;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.HostReport;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A governor that runs nothing: workloads go as a test scripts them. By default what is started
 * exits with 0 at once, and what is attached to goes on until {@link #end} ends it.
 *
 * <p>It keeps the contract of {@link Governor} as to ids, listeners, waiting, detaching and
 * closing; it knows nothing of programs, files and kernels, and checks no limits. A signal does
 * what it does to a program that handles none. Thread-safe; listeners are told, and futures
 * completed, on the thread that ends the job.
 */
public final class InMemoryGovernor implements Governor {
  private static final AtomicLong NUMBERS = new AtomicLong(100_000);

  /** What goes on, watched or not. */
  private final Map<String, MemoryJob> living = new ConcurrentHashMap<>();

  private final List<JobListener> listeners;
  private final Queue<Throwable> listenerFailures = new ConcurrentLinkedQueue<>();
  private volatile Function<Workload, Outcome> onStart = workload -> Outcome.exited(0);
  private volatile Function<Attachment, Outcome> onAttach = attachment -> Outcome.running();
  private volatile Recovery recovery = Recovery.of(List.of(), List.of(), List.of(), List.of());
  private boolean closed;

  /** With these listeners. */
  public InMemoryGovernor(JobListener... listeners) {
    this.listeners = List.of(listeners);
  }

  /** From now on workloads go so. What the script throws, {@link #start} throws. */
  public InMemoryGovernor onStart(Function<Workload, Outcome> script) {
    onStart = script;
    return this;
  }

  /**
   * From now on what is attached to goes so; it can't be what never started. What the script
   * throws, {@link #attach} throws.
   */
  public InMemoryGovernor onAttach(Function<Attachment, Outcome> script) {
    onAttach = script;
    return this;
  }

  /**
   * From now on {@link #recover()} finds this, of which the listeners of this governor are not
   * told. Jobs for it can be had from another one.
   */
  public InMemoryGovernor onRecover(Recovery found) {
    recovery = found;
    return this;
  }

  /**
   * Ends a workload that goes on, watched or not.
   *
   * @throws IllegalArgumentException if no such workload goes on, or that is no way to end
   */
  public void end(String jobId, Outcome outcome) {
    MemoryJob job = living.get(jobId);
    if (job == null || !outcome.ending().map(Ended.class::isInstance).orElse(false)) {
      throw new IllegalArgumentException("no workload '" + jobId + "' goes on, or can't end so");
    }
    end(job, outcome);
  }

  final boolean end(MemoryJob job, Outcome outcome) {
    boolean goesOn = living.get(job.id()) == job;
    job.conclude(outcome);
    forget(job);
    return goesOn;
  }

  /** Its id is free from now on. */
  final void forget(MemoryJob job) {
    living.remove(job.id(), job);
  }

  final void release(MemoryJob job) {
    if (job.watched()) {
      forget(job);
    }
  }

  /** What listeners threw. */
  public List<Throwable> listenerFailures() {
    return List.copyOf(listenerFailures);
  }

  final void tell(Consumer<JobListener> event) {
    for (JobListener listener : listeners) {
      try {
        event.accept(listener);
      } catch (Throwable e) { // of Kotlin and others, checked ones as well
        listenerFailures.add(e);
      }
    }
  }

  @Override
  public JobResult run(Workload workload) throws InterruptedException {
    return start(workload).await();
  }

  @Override
  public synchronized StartedJob start(Workload workload) {
    requireOpen();
    Outcome outcome = known(onStart.apply(workload), workload.limits());
    boolean never = outcome.ending().filter(NeverStarted.class::isInstance).isPresent();
    OptionalLong pid = never ? OptionalLong.empty() : OptionalLong.of(NUMBERS.incrementAndGet());
    JobStart start = facts(workload.jobId(), pid, Mode.RUN, workload.intent());
    if (never) {
      JobResult result = outcome.result(start, Duration.ZERO);
      tell(listener -> listener.startFailed(result));
      throw new StartFailedException(result.toString(), result);
    }
    return begin(new MemoryJob.Started(this, start, outcome));
  }

  @Override
  public synchronized AttachedJob attach(Attachment asked) {
    requireOpen();
    if (living.values().stream().anyMatch(job -> job.pid() == asked.pid())) {
      throw new AttachRefusedException(
          Reason.ALREADY_GOVERNED, "process " + asked.pid() + " is a job already");
    }
    Outcome outcome = known(onAttach.apply(asked), asked.limits());
    if (outcome.ending().filter(NeverStarted.class::isInstance).isPresent()) {
      throw new IllegalArgumentException("what is attached to has started; let the script throw");
    }
    OptionalLong pid = OptionalLong.of(asked.pid());
    JobStart start = facts(asked.jobId(), pid, Mode.ATTACH, asked.intent());
    return begin(new MemoryJob.Attached(this, start, outcome));
  }

  private <J extends MemoryJob> J begin(J job) {
    tell(listener -> listener.started(job.start));
    living.put(job.id(), job); // from here on it may be ended
    job.running.ending().ifPresent(ending -> end(job, job.running));
    return job;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this governor is closed");
    }
  }

  private JobStart facts(
      Optional<String> id, OptionalLong pid, Mode mode, Optional<String> intent) {
    String known = id.orElseGet(() -> "job-" + NUMBERS.incrementAndGet());
    if (living.containsKey(known)) {
      throw new JobIdInUseException("job id '" + known + "' is in use; use another");
    }
    return JobStart.of(known, pid, mode, intent, Instant.now());
  }

  private static Outcome known(Outcome scripted, Limits asked) {
    List<LimitOutcome> limits = new ArrayList<>();
    BiConsumer<Limit, Object> apply =
        (limit, value) -> limits.add(LimitOutcome.of(limit, Status.APPLIED, value.toString()));
    asked.cpuMax().ifPresent(max -> apply.accept(Limit.CPU_MAX, max));
    asked.cpuWeight().ifPresent(weight -> apply.accept(Limit.CPU_WEIGHT, weight));
    asked.memoryMaxBytes().ifPresent(bytes -> apply.accept(Limit.MEMORY_MAX, bytes));
    asked.ioMax().forEach(max -> apply.accept(Limit.IO_MAX, max));
    return scripted.receipt(scripted.receipt().orElse(Receipt.of(limits)));
  }

  @Override
  public synchronized Recovery recover() {
    requireOpen();
    return recovery;
  }

  @Override
  public List<Job> jobs() {
    return living.values().stream().filter(MemoryJob::watched).map(Job.class::cast).toList();
  }

  /** Nothing is known of a pretended host, and nothing speaks against it. */
  @Override
  public HostReport host() {
    return HostReport.of(List.of(), List.of());
  }

  @Override
  public synchronized void close() {
    closed = true;
    living.values().forEach(MemoryJob::detach);
  }
}
