package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Ending;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.Evidence;
import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.observe.ExitReader;
import io.ffrtmp.governance.linux.process.ProcStat;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one place where results are made: evidence, status, counters, read-back, removal, verdict.
 */
final class Conclude {
  /** The job line, one for each result. */
  private static final Logger JOBS = LoggerFactory.getLogger("io.ffrtmp.governance.jobs");

  private static final Logger LOG = LoggerFactory.getLogger(Conclude.class);

  private final List<JobListener> listeners;
  private final Consumer<GovernedJob> unregister;
  private final Linger linger;
  private final Executor consumers;
  private final AtomicLong listenerFailures = new AtomicLong();

  Conclude(
      List<JobListener> listeners,
      Consumer<GovernedJob> unregister,
      Linger linger,
      Executor consumers) {
    this.listeners = listeners;
    this.unregister = unregister;
    this.consumers = consumers;
    this.linger = linger;
  }

  /** What listeners threw, counted. */
  long listenerFailures() {
    return listenerFailures.get();
  }

  void started(JobStart start) {
    tell(listener -> listener.started(start));
  }

  /** The leader has ended: it is reaped, its group read and removed, the result frozen. */
  void ended(GovernedJob job) {
    Ending broken = new Ended(new Unknown(Cause.OBSERVATION_BROKE));
    conclude(job, broken, () -> ended(job, whereabouts(job), status(job)));
  }

  private JobResult ended(GovernedJob job, Evidence evidence, ExitStatus status) {
    JobResult result = freeze(job, new Ended(status), evidence);
    linger.sweep();
    if (!job.group.remove()) {
      disown(job);
      linger.removeWhenEmpty(job.group);
    }
    return result;
  }

  private static ExitStatus status(GovernedJob job) {
    boolean gone = job.pidfd.isEmpty() && ProcStat.read(job.pid()).isEmpty();
    Unknown lost = new Unknown(gone ? Cause.AUTO_REAPED : Cause.OBSERVATION_BROKE);
    ExitStatus status = job.pidfd.filter(Pidfd::ended).map(ExitReader::reap).orElse(lost);
    job.pidfd.ifPresent(Pidfd::close);
    return status;
  }

  /** We stop watching; limits are read back, the mark loses its owner, the group stays. */
  void detached(GovernedJob job) {
    conclude(
        job,
        new Detached(),
        () -> {
          JobResult result = freeze(job, new Detached(), whereabouts(job));
          disown(job);
          return result;
        });
  }

  /** One that was detached before it ended: it is reaped without a word, its group removed. */
  void endedUnwatched(GovernedJob job) {
    job.pidfd.ifPresent(ExitReader::reap);
    job.pidfd.ifPresent(Pidfd::close);
    if (job.group.exists()) {
      linger.removeWhenEmpty(job.group);
    }
  }

  /** Whatever goes wrong, there is a result, and nobody waits for ever. */
  private void conclude(GovernedJob job, Ending broken, Supplier<JobResult> conclusion) {
    job.grouped.lock();
    try {
      job.frozen = Optional.of(conclusion.get());
    } catch (RuntimeException | Error e) {
      LOG.error("job {} was not observed to its end", job.id(), e);
      JobResult rest = freeze(job, broken, job.receipt, ResourceUsage.UNKNOWN, Evidence.NONE);
      job.frozen = Optional.of(rest);
      disown(job);
    } finally {
      job.grouped.unlock();
    }
    JobResult frozen = job.frozen.orElseThrow();
    tell(listener -> listener.finished(frozen));
    JOBS.info("{}", frozen);
    unregister.accept(job);
    job.complete(frozen, consumers);
  }

  private static Evidence whereabouts(GovernedJob job) {
    boolean moved = job.group.exists() && job.group.movedOut((int) job.pid());
    return moved ? Evidence.NONE.moved() : Evidence.NONE;
  }

  /**
   * Lets go: whoever finds the group empty may remove it, and whoever finds the job may claim it.
   */
  private static void disown(GovernedJob job) {
    try {
      job.group.mark(job.mark.disowned());
    } catch (ErrnoException e) {
      LOG.debug("{} keeps our mark", job.group, e);
    }
  }

  private static JobResult freeze(GovernedJob job, Ending ending, Evidence found) {
    if (!job.group.exists()) {
      return freeze(job, ending, job.receipt, ResourceUsage.UNKNOWN, found);
    }
    Evidence evidence = job.group.oomKilled().map(found::oomKilledBy).orElse(found);
    if (ending instanceof Ended && job.group.placed()) {
      evidence = evidence.survivors(job.group.members().size());
    }
    return freeze(job, ending, job.group.readBack(job.receipt), job.group.usage(), evidence);
  }

  private static JobResult freeze(
      GovernedJob job, Ending ending, Receipt receipt, ResourceUsage usage, Evidence evidence) {
    return JobResult.freeze(
        job.start, Instant.now(), since(job.startNanos), ending, receipt, usage, evidence);
  }

  /** A start that failed after validation. */
  JobResult neverStarted(JobStart start, long startNanos, StartFailure failure, Receipt receipt) {
    JobResult result =
        JobResult.freeze(
            start,
            Instant.now(),
            since(startNanos),
            new NeverStarted(failure),
            receipt,
            ResourceUsage.UNKNOWN,
            Evidence.NONE);
    tell(listener -> listener.startFailed(result));
    JOBS.info("{}", result);
    return result;
  }

  private static Duration since(long startNanos) {
    return Duration.ofNanos(System.nanoTime() - startNanos);
  }

  private void tell(Consumer<JobListener> event) {
    for (JobListener listener : listeners) {
      try {
        event.accept(listener);
      } catch (RuntimeException | Error e) {
        listenerFailures.incrementAndGet();
        LOG.warn("a job listener failed; the job is not affected", e);
      }
    }
  }
}
