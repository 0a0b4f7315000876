package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Residence;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.process.ProcStat;
import io.ffrtmp.governance.linux.process.ProcStatus;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** Moves a process and its descendants into a group, and keeps account of it. */
final class Move {
  /** How often to look for processes that were forked meanwhile. */
  private static final int ROUNDS = 8;

  private final CgroupFiles files;
  private final JobGroup group;
  private final Residence residence;
  private final Set<Integer> seen = new HashSet<>();
  private final List<NotMoved> notMoved = new ArrayList<>();
  private long moved;
  private long bytes;
  private Optional<ErrnoException> refusal = Optional.empty();

  Move(CgroupFiles files, JobGroup group, Residence residence) {
    this.files = files;
    this.group = group;
    this.residence = residence;
  }

  /** Memory that the processes have and that can't be dropped. */
  static long residentBytes(Collection<Integer> pids) {
    return pids.stream()
        .map(ProcStatus::read)
        .flatMap(Optional::stream)
        .mapToLong(ProcStatus::residentBytes)
        .sum();
  }

  /** Moves the first one. The first refusal is thrown if the primary group refused it too. */
  void leader(int pid) throws ErrnoException {
    seen.add(pid);
    try {
      group.place(pid);
    } catch (ErrnoException e) {
      refusal = Optional.of(e);
      if (!group.placedInPrimary()) {
        throw e;
      }
    }
    if (group.exists()) {
      count(pid);
    } else {
      String why = group.errno().map(errno -> ", " + errno).orElse("");
      notMoved.add(new NotMoved(pid, "it can have no group of its own in " + residence + why));
    }
  }

  /** Tells why the first one was not moved at all. */
  void refused(int pid, ErrnoException e) {
    notMoved.add(new NotMoved(pid, e.getMessage()));
  }

  /** Which hierarchy refused the first one, and why. */
  Optional<ErrnoException> refusal() {
    return refusal;
  }

  private void count(int pid) {
    moved++;
    bytes += residentBytes(List.of(pid));
  }

  /** Moves the descendants, until nobody new is found. */
  void descendants(Set<Integer> known, Supplier<Set<Integer>> tree) {
    Set<Integer> now = known;
    for (int round = 1; round <= ROUNDS; round++) {
      List<Integer> fresh = now.stream().filter(seen::add).toList();
      if (fresh.isEmpty()) {
        return;
      }
      fresh.forEach(this::descendant);
      now = tree.get();
    }
    now.stream()
        .filter(seen::add)
        .forEach(pid -> notMoved.add(new NotMoved(pid, "forked faster than we could move")));
  }

  private void descendant(int pid) {
    try {
      Optional<ProcStat> before = stat(pid);
      if (group.holds(pid)) { // born there
        moved++;
      } else if (residence.isElsewhere(pid, group)) {
        notMoved.add(new NotMoved(pid, "it lives elsewhere than its leader did"));
      } else if (before.isPresent()) {
        join(pid, before.get());
      }
    } catch (ErrnoException e) {
      if (!e.isGone()) {
        notMoved.add(new NotMoved(pid, e.getMessage()));
      }
    }
  }

  /** Empty only if it is gone: what could not be looked at would be neither moved nor told. */
  private Optional<ProcStat> stat(int pid) throws ErrnoException {
    try {
      return ProcStat.parse(files.read("/proc/" + pid + "/stat"));
    } catch (ErrnoException e) {
      if (!e.isGone()) {
        throw e;
      }
      return Optional.empty();
    }
  }

  private void join(int pid, ProcStat before) throws ErrnoException {
    Optional<String> unmovable = before.threads() > 1 ? residence.unmovable(pid) : Optional.empty();
    if (unmovable.isPresent()) {
      notMoved.add(new NotMoved(pid, unmovable.get()));
      return;
    }
    group.join(pid);
    if (!tookStrangerBack(pid, before)) {
      count(pid);
    }
  }

  /** Whether a number that was moved is another process's by now, which goes to its parent then. */
  boolean tookStrangerBack(int pid, ProcStat before) throws ErrnoException {
    Optional<ProcStat> stranger = stat(pid).filter(it -> it.startTime() != before.startTime());
    if (stranger.isPresent()) {
      residence.takeToParent(pid, stranger.get().parent(), group);
    }
    return stranger.isPresent();
  }

  Moved moved() {
    return Moved.of(moved, bytes, notMoved);
  }
}
