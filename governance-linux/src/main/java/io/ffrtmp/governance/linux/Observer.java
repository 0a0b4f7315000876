package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.linux.libc.Epoll;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.observe.ExitReader;
import io.ffrtmp.governance.linux.observe.Watcher;
import io.ffrtmp.governance.linux.process.ProcStat;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Watches leaders to their end, and has each job concluded once, where nobody is held up. */
final class Observer {
  private static final Logger LOG = LoggerFactory.getLogger(Observer.class);

  /** How long a parent may take to reap before its child counts as unreaped. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final Watcher watcher;
  private final Executor results;
  private final Conclude conclude;

  Observer(Watcher watcher, Executor results, Conclude conclude) {
    this.watcher = watcher;
    this.results = results;
    this.conclude = conclude;
  }

  /**
   * Watches a job to its end.
   *
   * @throws ErrnoException if there is no room to watch it in; nothing was done
   */
  void watch(GovernedJob job) throws ErrnoException {
    if (job.pidfd.isPresent()) {
      int fd = job.pidfd.get().fd();
      long token = watcher.watch(fd, Epoll.EPOLLIN, () -> died(job));
      job.token = OptionalLong.of(token);
    } else {
      died(job);
    }
  }

  /** A job that runs, governed, but can't be watched. */
  void lost(GovernedJob job) {
    died(job);
  }

  private void died(GovernedJob job) {
    job.died();
    boolean ours = job.claim();
    if (ours && job.child) {
      conclude(job, () -> reap(job));
    } else if (ours) {
      job.pidfd.ifPresent(pidfd -> readStranger(job, pidfd));
    } else if (job.child) {
      conclude.endedUnwatched(job);
    }
  }

  private static ExitStatus reap(GovernedJob job) {
    boolean gone = job.pidfd.isEmpty() && ProcStat.read(job.pid()).isEmpty();
    Unknown lost = new Unknown(gone ? Cause.AUTO_REAPED : Cause.OBSERVATION_BROKE);
    return job.pidfd.filter(Pidfd::ended).map(ExitReader::reap).orElse(lost);
  }

  /** The kernel tells how a stranger ended once its parent has reaped it: EPOLLHUP. */
  private void readStranger(GovernedJob job, Pidfd pidfd) {
    Optional<ExitStatus> known = ExitReader.stranger(pidfd);
    if (known.isPresent()) {
      conclude(job, known::get);
      return;
    }
    try {
      Runnable reaped = () -> conclude(job, () -> reaped(pidfd));
      Runnable late = () -> conclude(job, () -> ExitReader.zombie(pidfd, Cause.UNREAPED));
      watcher.watch(pidfd.fd(), 0, reaped, PATIENCE, late);
    } catch (ErrnoException e) {
      conclude(job, () -> new Unknown(Cause.OBSERVATION_BROKE));
    }
  }

  private static ExitStatus reaped(Pidfd pidfd) {
    return ExitReader.stranger(pidfd).orElse(new Unknown(Cause.OBSERVATION_BROKE));
  }

  private void conclude(GovernedJob job, Supplier<ExitStatus> status) {
    Supplier<ExitStatus> last =
        () -> {
          try {
            return status.get();
          } finally {
            job.pidfd.ifPresent(Pidfd::close);
          }
        };
    Runnable conclusion = () -> conclude.ended(job, last);
    if (conclude.neverBlocks(job)) {
      conclusion.run();
      return;
    }
    try {
      results.execute(conclusion);
    } catch (OutOfMemoryError noThreadToBeHad) { // RLIMIT_NPROC, pids.max: then on this one
      LOG.debug("job {} is concluded by the watcher", job.id(), noThreadToBeHad);
      conclusion.run();
    }
  }

  /** Stops watching; our own child is reaped all the same when it ends. */
  void detach(GovernedJob job) {
    if (job.claim()) {
      conclude.detached(job);
      forget(job);
    }
  }

  /** Stops watching, and undoes an attachment. */
  void release(GovernedJob job) {
    if (job.claim()) {
      conclude.released(job);
      forget(job);
    }
  }

  private void forget(GovernedJob job) {
    if (!job.child) {
      job.token.ifPresent(watcher::forget);
      job.pidfd.ifPresent(Pidfd::close);
    }
  }
}
