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
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.linux.GovernedJob.End;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.cgroup.Remains;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.observe.FullHeap;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
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
  private final AtomicLong listenerFailures = new AtomicLong();

  Conclude(List<JobListener> listeners, Consumer<GovernedJob> unregister, Linger linger) {
    this.listeners = listeners;
    this.unregister = unregister;
    this.linger = linger;
  }

  /** Whether a job's end is a matter of microseconds: no group, and nobody is told meanwhile. */
  boolean neverBlocks(GovernedJob job) {
    return listeners.isEmpty() && !job.group.exists() && !JOBS.isInfoEnabled();
  }

  void started(JobStart start) {
    tell(listener -> listener.started(start));
  }

  /** The leader has ended: its status and its group are read, the group is removed. */
  void ended(GovernedJob job, Supplier<ExitStatus> status) {
    ExitStatus lost = new Unknown(Cause.OBSERVATION_BROKE);
    Evidence[] found = {Evidence.NONE};
    Runnable look =
        () -> {
          if (job.group.unified()) { // v1 tells nothing of the dead
            found[0] = whereabouts(job);
          }
          job.exit(status);
        };
    conclude(
        job,
        () -> new Ended(job.exit(() -> lost)),
        () -> {
          FullHeap.outlast(look);
          job.pidfd.ifPresent(Pidfd::close);
          return ended(job, found[0], job.exit(status));
        });
  }

  private JobResult ended(GovernedJob job, Evidence found, ExitStatus status) {
    JobGroup group = job.group;
    linger.sweep();
    boolean anothers = job.hasAnothersGroup();
    if (!group.exists() || anothers) {
      Receipt last = anothers ? group.limits().gone(job.receipt) : job.receipt;
      return freeze(job, new Ended(status), last, ResourceUsage.UNKNOWN, found);
    }
    Receipt receipt = group.limits().readBack(job.receipt);
    ResourceUsage usage = group.usage();
    Evidence evidence = oomKilled(group, usage, found);
    boolean gone = group.remove(); // then nobody is left to be counted
    if (group.placed()) {
      evidence = evidence.survivors(gone ? 0 : group.members().size());
    }
    if (!gone) {
      linger.keep(group, job.mark().disowned().ended());
    }
    return freeze(job, new Ended(status), receipt, usage, evidence);
  }

  /** We stop watching; limits are read back, the mark loses its owner, the group stays. */
  void detached(GovernedJob job) {
    conclude(
        job,
        Detached::new,
        () -> {
          if (job.hasAnothersGroup()) {
            return letGo(job);
          }
          Receipt receipt = job.group.limits().readBack(job.receipt);
          ResourceUsage usage = job.group.usage();
          Evidence evidence = oomKilled(job.group, usage, whereabouts(job));
          job.group.note(job.mark().disowned());
          if (job.child && job.hasDied()) { // meanwhile: the watcher found the group owned by us
            linger.removeWhenEmpty(job.group);
          }
          return freeze(job, new Detached(), receipt, usage, evidence);
        });
  }

  /** We stop watching, and everything goes back to where it came from. */
  void released(GovernedJob job) {
    conclude(
        job,
        Detached::new,
        () -> {
          if (job.hasAnothersGroup()) {
            return letGo(job);
          }
          Evidence evidence = whereabouts(job);
          Receipt before = job.group.limits().readBack(job.receipt);
          ResourceUsage usage = job.group.usage();
          Moved moved = before.moved().orElseGet(() -> halfAttached(job));
          Mark mark = job.mark();
          List<NotMoved> elsewhere = job.group.release(mark);
          Receipt receipt = elsewhere.isEmpty() ? before : before.moved(and(moved, elsewhere));
          linger.remove(job.group, () -> job.group.letGo(mark));
          return freeze(job, new Detached(), receipt, usage, evidence);
        });
  }

  /** Its group is gone, and what bears its name is another's, of which nothing is told. */
  private static JobResult letGo(GovernedJob job) {
    Receipt receipt = job.group.limits().gone(job.receipt);
    return freeze(job, new Detached(), receipt, ResourceUsage.UNKNOWN, whereabouts(job));
  }

  /** Its governor died before it told who was moved: they are in the group. */
  private static Moved halfAttached(GovernedJob job) {
    return Moved.of(job.group.members().size(), 0, List.of());
  }

  private static Moved and(Moved moved, List<NotMoved> more) {
    List<NotMoved> all = new ArrayList<>(moved.notMoved());
    all.addAll(more);
    return moved.notMoved(all);
  }

  /** A job that ended while nobody watched, found by what it left. */
  JobResult unwatched(Remains remains) {
    Mark mark = remains.mark();
    Instant now = Instant.now();
    OptionalLong pid = OptionalLong.of(mark.leader().orElseThrow().pid());
    JobStart start = JobStart.of(mark.id(), pid, mark.mode(), mark.intent(), now);
    Evidence evidence = Evidence.NONE.survivors(remains.survivors());
    JobResult result =
        JobResult.freeze(
            start,
            now,
            Duration.ZERO,
            new Ended(new Unknown(Cause.NOT_WATCHED)),
            remains.receipt(),
            remains.usage(),
            remains.oomKilled().map(evidence::oomKilledBy).orElse(evidence));
    started(start);
    finished(result);
    return result;
  }

  /**
   * Whatever goes wrong, there is a result, once, and nobody waits for ever. What must be done is
   * made beforehand: later the heap may be full.
   */
  private void conclude(GovernedJob job, Supplier<Ending> broken, Supplier<JobResult> conclusion) {
    Runnable rest =
        () -> {
          Evidence none = Evidence.NONE;
          JobResult result = freeze(job, broken.get(), job.receipt, ResourceUsage.UNKNOWN, none);
          job.frozen = Optional.of(result);
        };
    Runnable left = () -> leave(job);
    Runnable told = () -> finished(job.frozen.orElseThrow());
    Runnable unregistered = () -> unregister.accept(job);
    job.grouped.lock();
    try {
      if (job.frozen.isPresent()) {
        return;
      }
      job.frozen = Optional.of(conclusion.get());
    } catch (RuntimeException | Error e) {
      FullHeap.outlast(rest);
      complain(job, e);
      leave(job, left);
    } finally {
      job.grouped.unlock();
    }
    FullHeap.outlast(told);
    FullHeap.outlast(unregistered);
    job.complete(job.frozen.orElseThrow());
  }

  /** Nothing keeps the result from being told. */
  private static void leave(GovernedJob job, Runnable left) {
    try {
      FullHeap.outlast(left);
    } catch (RuntimeException | Error e) {
      complain(job, e);
    }
  }

  private static void complain(GovernedJob job, Throwable e) {
    try {
      LOG.error("job {} was not observed to its end", job.id(), e);
    } catch (RuntimeException | Error nowhereToSaySo) {
      return;
    }
  }

  /** Of what could not be concluded as it should. */
  private void leave(GovernedJob job) {
    if (job.hasDied()) {
      job.pidfd.ifPresent(Pidfd::close);
    }
    if (job.hasAnothersGroup()) {
      return;
    } else if (job.hasDied()) {
      linger.remove(job.group, () -> job.mark().disowned().ended());
    } else {
      job.group.note(job.mark().disowned());
    }
  }

  private void finished(JobResult result) {
    tell(listener -> listener.finished(result));
    log(result);
  }

  private static void log(JobResult result) {
    try {
      JOBS.info("{}", result);
    } catch (RuntimeException | Error nowhereToSaySo) {
      return; // a logger that throws, or finds no memory, leaves nobody waiting
    }
  }

  private static Evidence whereabouts(GovernedJob job) {
    boolean moved = job.group.exists() && job.pidfd.filter(it -> movedOut(job, it)).isPresent();
    return moved ? Evidence.NONE.moved() : Evidence.NONE;
  }

  /** Its number is the job's as long as nobody has reaped it; after that its pidfd may tell. */
  private static boolean movedOut(GovernedJob job, Pidfd pidfd) {
    boolean seen = job.group.movedOut((int) job.pid());
    try {
      return pidfd.pid().isPresent()
          ? seen
          : pidfd.lastCgroup().stream().anyMatch(job.group::isOutside);
    } catch (ErrnoException olderKernel) {
      return false;
    }
  }

  private static Evidence oomKilled(JobGroup group, ResourceUsage usage, Evidence found) {
    boolean none = usage.get(Counter.OOM_KILLS).orElse(1) == 0;
    return none ? found : group.oomKilled().map(found::oomKilledBy).orElse(found);
  }

  private static JobResult freeze(
      GovernedJob job, Ending ending, Receipt receipt, ResourceUsage usage, Evidence evidence) {
    End end = job.end();
    Duration time = Duration.ofNanos(end.nanos() - job.startNanos);
    return JobResult.freeze(job.start, end.time(), time, ending, receipt, usage, evidence);
  }

  /** A start that failed after validation. */
  JobResult neverStarted(JobStart start, long startNanos, StartFailure failure, Receipt receipt) {
    JobResult result =
        JobResult.freeze(
            start,
            Instant.now(),
            Duration.ofNanos(System.nanoTime() - startNanos),
            new NeverStarted(failure),
            receipt,
            ResourceUsage.UNKNOWN,
            Evidence.NONE);
    tell(listener -> listener.startFailed(result));
    log(result);
    return result;
  }

  private void tell(Consumer<JobListener> event) {
    for (JobListener listener : listeners) {
      try {
        event.accept(listener);
      } catch (Throwable e) { // of Kotlin and others, checked ones as well
        failed(e);
      }
    }
  }

  private void failed(Throwable e) {
    try {
      long failures = listenerFailures.incrementAndGet();
      LOG.warn("a job listener failed, number {} here; the job is not affected", failures, e);
    } catch (RuntimeException | Error nowhereToSaySo) {
      return; // the others are told all the same
    }
  }
}
