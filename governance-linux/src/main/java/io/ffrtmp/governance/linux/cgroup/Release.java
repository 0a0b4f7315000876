package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One release of a group: in rounds, every process goes back to where it came from. What was
 * attached is as it was before, and what somebody else has moved since stays there. The primary
 * comes last, and keeps whom another hierarchy kept: so the job is found there, also if we die on
 * the way.
 */
final class Release {
  private static final int ROUNDS = 8;

  private final CgroupFiles files;
  private final Home home;
  private final JobGroup job;
  private final Mark mark;
  private final Map<Integer, NotMoved> notes = new LinkedHashMap<>();

  Release(CgroupFiles files, Home home, JobGroup job, Mark mark) {
    this.files = files;
    this.home = home;
    this.job = job;
    this.mark = mark;
  }

  /** Gives who could not be put back, or is elsewhere now, and why. */
  List<NotMoved> all() {
    List<Group> groups = job.groups();
    Set<Integer> left = job.members(groups);
    Optional<Integer> leader = mark.leader().filter(ProcessKey::alive).map(ProcessKey::pid);
    leader.ifPresent(left::add); // in case that the list can't be read
    for (int round = 1; round <= ROUNDS && !left.isEmpty(); round++) {
      if (round <= 2) { // where controllers are on, no process can go back (cgroup-v2.rst)
        home.withdraw(job);
      }
      notes.keySet().removeAll(left); // those are tried again
      round(groups);
      left = job.members(groups);
    }
    leader
        .filter(job::mayHold)
        .ifPresent(pid -> notes.putIfAbsent(pid, new NotMoved(pid, "it may still be in " + job)));
    return List.copyOf(notes.values());
  }

  private void round(List<Group> groups) {
    Set<Integer> kept = new HashSet<>();
    for (int i = groups.size() - 1; i >= 0; i--) {
      for (int pid : job.members(groups.subList(i, i + 1))) {
        if (!kept.contains(pid) && !putBack(pid, groups.get(i))) {
          kept.add(pid);
        }
      }
    }
  }

  /** False if the process stays in the group; notes what did not go as it should. */
  private boolean putBack(int pid, Group group) {
    Hierarchy hierarchy = group.hierarchy();
    String around = Group.parent(group.parent());
    String origin = mark.origin(hierarchy).flatMap(hierarchy::directory).orElse(around);
    try {
      String place = putBack(pid, origin, hierarchy.mountPoint());
      if (!place.equals(origin)) {
        notes.put(pid, new NotMoved(pid, "put into " + place + ", as " + origin + " is gone"));
      }
      return true;
    } catch (ErrnoException e) {
      boolean ended = e.errno() == Errno.ESRCH;
      if (!ended) {
        notes.put(pid, new NotMoved(pid, e.getMessage()));
      }
      return ended;
    }
  }

  /**
   * Gives the place that took the process: where it came from, or if that is gone the nearest one
   * above it that takes processes. On v2 those do not that hand down controllers (EBUSY).
   */
  private String putBack(int pid, String origin, String top) throws ErrnoException {
    for (String place = origin; ; place = Group.parent(place)) {
      try {
        files.write(place + "/cgroup.procs", Integer.toString(pid));
        return place;
      } catch (ErrnoException e) {
        boolean gone = e.errno() == Errno.ENOENT || e.errno() == Errno.ENODEV;
        boolean inner = e.errno() == Errno.EBUSY && !place.equals(origin);
        if (!(gone || inner) || place.equals(top)) {
          throw e;
        }
      }
    }
  }
}
