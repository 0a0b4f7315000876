package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.linux.libc.Epoll;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.observe.ExitReader;
import io.ffrtmp.governance.linux.observe.FullHeap;
import io.ffrtmp.governance.linux.observe.Watcher;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Watches leaders to their end, and has each job concluded once, where nobody is held up. */
final class Observer {
  private static final Logger LOG = LoggerFactory.getLogger(Observer.class);

  /** How long a parent may take to reap before its child counts as unreaped. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final Map<String, GovernedJob> jobs;
  private final Watcher watcher;
  private final Executor results;
  private final Conclude conclude;
  private final Linger linger;

  /** What hangs on futures is run there: it may itself wait for jobs, and no conclusion waits. */
  final Executor consumers;

  Observer(
      Map<String, GovernedJob> jobs,
      Watcher watcher,
      Executor results,
      Conclude conclude,
      Linger linger,
      Executor consumers) {
    this.jobs = jobs;
    this.watcher = watcher;
    this.results = results;
    this.conclude = conclude;
    this.linger = linger;
    this.consumers = consumers;
  }

  /**
   * Watches a job to its end. Listeners hear of the start before they may hear of the end, which
   * waits for the group.
   *
   * @throws ErrnoException if there is no room to watch it in; nothing was done
   */
  void watch(GovernedJob job) throws ErrnoException {
    job.grouped.lock();
    try {
      jobs.put(job.id(), job);
      observe(job);
      conclude.started(job.start);
    } catch (ErrnoException e) {
      jobs.remove(job.id(), job);
      throw e;
    } finally {
      job.grouped.unlock();
    }
  }

  /** The same for our own child, which runs in any case: without room for that it is let go of. */
  void watchChild(GovernedJob child) {
    Runnable rest = () -> {};
    child.grouped.lock();
    try {
      jobs.put(child.id(), child);
      rest = observeChild(child);
      conclude.started(child.start);
    } finally {
      child.grouped.unlock();
    }
    rest.run();
  }

  /** Gives what is left to be done once the start was told. */
  private Runnable observeChild(GovernedJob child) {
    try {
      observe(child);
      return child.pidfd.isPresent() ? () -> {} : () -> died(child, () -> readEnd(child), () -> {});
    } catch (ErrnoException e) {
      LOG.warn("job {} runs, governed, but can't be watched", child.id(), e);
      return () -> unwatchable(child);
    }
  }

  private void observe(GovernedJob job) throws ErrnoException {
    if (job.pidfd.isPresent()) {
      int fd = job.pidfd.get().fd();
      int mask = Epoll.EPOLLIN | Epoll.EPOLLET;
      Runnable end = () -> readEnd(job); // made now: then the heap may be full
      Runnable detached = () -> linger.ended(job.group, job.pidfd.get(), true);
      long token = watcher.watch(fd, mask, () -> isOurs(job), () -> died(job, end, detached));
      job.token = OptionalLong.of(token);
    } else if (Libc.access("/proc/" + job.pid(), Libc.F_OK) == 0) {
      throw new ErrnoException(Errno.EMFILE, "pidfd_open of process " + job.pid());
    } else {
      job.died(); // and was reaped by somebody else, or nobody
    }
  }

  /** It is let go of, and reaped once there is room to watch its end. */
  private void unwatchable(GovernedJob job) {
    if (job.claim()) {
      conclude.detached(job);
      job.pidfd.ifPresent(Pidfd::close);
      linger.reapLater(job.group, (int) job.pid());
    }
  }

  /**
   * A dead child is its tracer's first, which may take any time; when it is through, that wakes us.
   */
  private static boolean isOurs(GovernedJob job) {
    job.died();
    return !(job.child && job.heldByTracer());
  }

  private static void died(GovernedJob job, Runnable end, Runnable detached) {
    job.died();
    if (job.claim()) {
      FullHeap.outlast(end);
    } else if (job.child) {
      FullHeap.outlast(detached);
    }
  }

  private void readEnd(GovernedJob job) {
    if (job.child) {
      conclude(job, () -> reap(job));
    } else {
      job.pidfd.ifPresent(pidfd -> readStranger(job, pidfd));
    }
  }

  private static ExitStatus reap(GovernedJob job) {
    return job.pidfd.map(ExitReader::reap).orElse(new Unknown(Cause.AUTO_REAPED));
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
      watcher.watch(
          pidfd.fd(), 0, () -> FullHeap.outlast(reaped), PATIENCE, () -> FullHeap.outlast(late));
    } catch (ErrnoException e) {
      conclude(job, () -> new Unknown(Cause.OBSERVATION_BROKE));
    }
  }

  private static ExitStatus reaped(Pidfd pidfd) {
    return ExitReader.stranger(pidfd).orElse(new Unknown(Cause.KERNEL_TOO_OLD));
  }

  private void conclude(GovernedJob job, Supplier<ExitStatus> status) {
    Runnable ended = () -> conclude.ended(job, status);
    Runnable conclusion = () -> FullHeap.outlast(ended);
    if (conclude.neverBlocks(job)) {
      conclusion.run();
    } else {
      results.execute(conclusion);
    }
  }

  /** Stops watching; our own child is reaped all the same when it ends. */
  void detach(GovernedJob job) {
    letGo(job, conclude::detached);
  }

  /** Stops watching, and undoes an attachment. */
  void release(GovernedJob job) {
    letGo(job, conclude::released);
  }

  private void letGo(GovernedJob job, Consumer<GovernedJob> conclusion) {
    Runnable letGo = () -> conclusion.accept(job);
    if (!job.claim()) {
      return;
    }
    FullHeap.outlast(letGo);
    if (!job.child) {
      job.token.ifPresent(watcher::forget);
      job.pidfd.ifPresent(Pidfd::close);
    }
  }
}
