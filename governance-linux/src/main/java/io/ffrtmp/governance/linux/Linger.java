package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.libc.Epoll;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.observe.ExitReader;
import io.ffrtmp.governance.linux.observe.FullHeap;
import io.ffrtmp.governance.linux.observe.Watcher;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What outlives its job. A group in which processes are left is removed when it empties, which the
 * kernel tells: by {@code cgroup.events} on v2, by the members' pidfds on v1. A child that was let
 * go of unwatched is reaped when it has ended. What can't be watched is tried again when another
 * job ends and at close; a group also by the next {@code open()}.
 */
final class Linger {
  private static final Logger LOG = LoggerFactory.getLogger(Linger.class);

  /** How often processes may end between the look that finds them and the one that watches. */
  private static final int ATTEMPTS = 3;

  private final Watcher watcher;
  private final Executor patient;
  private final Queue<BooleanSupplier> leftovers = new ConcurrentLinkedQueue<>();
  private final Runnable removed;

  /**
   * Lets groups linger.
   *
   * @param patient waits for whoever holds a home, where the caller may not
   * @param removed told after each that is gone
   */
  Linger(Watcher watcher, Executor patient, Runnable removed) {
    this.watcher = watcher;
    this.patient = patient;
    this.removed = removed;
  }

  /** Tries once more; what is empty can't always be removed: v1 lags behind the last exit. */
  void sweep() {
    if (!leftovers.isEmpty()) {
      synchronized (leftovers) { // a child's number is another's once it was reaped
        leftovers.removeIf(BooleanSupplier::getAsBoolean);
      }
    }
  }

  /** Removes a group, now or once it is empty; until then its mark is what is left to be known. */
  void remove(JobGroup group, Supplier<Mark> left) {
    if (!group.remove()) {
      keep(group, left.get());
    }
  }

  /** Keeps a group, with this mark, until it is empty. */
  void keep(JobGroup group, Mark left) {
    group.note(left);
    removeWhenEmpty(group);
  }

  /** Removes a group that nobody owns any more, now or once it is empty. */
  void removeWhenEmpty(JobGroup group) {
    boolean cared = !group.exists();
    for (int i = 0; i < ATTEMPTS && !cared; i++) {
      cared = discard(group, false) || watch(group);
    }
    if (!cared) {
      BooleanSupplier again = () -> discard(group, false);
      Thread asking = Thread.currentThread(); // which does it itself if no other can be had
      Runnable discarded = () -> discard(group, asking, again);
      Runnable task = () -> FullHeap.outlast(discarded);
      leftovers.add(again);
      patient.execute(task);
    }
  }

  private void discard(JobGroup group, Thread asking, BooleanSupplier again) {
    if (discard(group, Thread.currentThread() != asking)) {
      leftovers.remove(again);
    }
  }

  private boolean discard(JobGroup group, boolean wait) {
    boolean gone = group.discard(wait);
    if (gone) {
      removed.run();
    }
    return gone;
  }

  /** False also if it emptied since it was found populated. */
  private boolean watch(JobGroup group) {
    try {
      OptionalInt events = group.openEvents();
      return events.isPresent() ? watchEvents(group, events.getAsInt()) : watchMembers(group);
    } catch (ErrnoException e) {
      LOG.debug("{} can't be watched", group, e);
      return false;
    }
  }

  /** Reading arms the notice: EPOLLPRI tells of a change since the last read (fs/kernfs/file.c). */
  private boolean watchEvents(JobGroup group, int events) throws ErrnoException {
    boolean watched = false;
    try {
      String now = new String(Libc.readAll(events), StandardCharsets.US_ASCII);
      if (!now.contains("populated 0")) {
        Runnable removal = () -> removeWhenEmpty(group); // made now: then the heap may be full
        watcher.watch(events, Epoll.EPOLLPRI, () -> changed(events, removal));
        watched = true;
      }
      return watched;
    } finally {
      if (!watched) {
        Libc.close(events);
      }
    }
  }

  private static void changed(int events, Runnable removal) {
    Libc.close(events);
    FullHeap.outlast(removal);
  }

  /** Watches one member; when it ends, the next that is left. */
  private boolean watchMembers(JobGroup group) throws ErrnoException {
    for (int pid : group.members()) {
      watchEnd(group, pid, false);
      return true;
    }
    return false;
  }

  private void watchEnd(JobGroup group, int pid, boolean child) throws ErrnoException {
    Pidfd process = Pidfd.open(pid);
    boolean watched = false;
    try {
      int mask = Epoll.EPOLLIN | Epoll.EPOLLET;
      Runnable over = () -> ended(group, process, child);
      watcher.watch(
          process.fd(), mask, () -> !process.keepsWaiting(), () -> FullHeap.outlast(over));
      watched = true;
    } finally {
      if (!watched) {
        process.close();
      }
    }
  }

  /** Reaps our own child, that nobody asks for, and removes the group. May be done twice. */
  void ended(JobGroup group, Pidfd process, boolean child) {
    if (child) {
      ExitReader.reap(process);
    }
    process.close();
    removeWhenEmpty(group);
  }

  /** Has a child that can't be watched now reaped all the same, and its group removed. */
  void reapLater(JobGroup group, int pid) {
    leftovers.add(() -> watchChild(group, pid));
  }

  private boolean watchChild(JobGroup group, int pid) {
    try {
      watchEnd(group, pid, true);
      return true;
    } catch (ErrnoException e) {
      LOG.debug("process {} can't be watched", pid, e);
      boolean reaped = e.errno() == Errno.ESRCH;
      if (reaped) {
        removeWhenEmpty(group);
      }
      return reaped;
    }
  }
}
