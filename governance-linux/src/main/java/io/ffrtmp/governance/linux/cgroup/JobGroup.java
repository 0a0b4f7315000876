package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A job's group: on v2 one directory, on v1 one in each hierarchy, the primary first; without a
 * base none at all. It outlives us. Thread-safe.
 */
public final class JobGroup {
  private static final Logger LOG = LoggerFactory.getLogger(JobGroup.class);

  private final CgroupFiles files;
  private final List<Group> groups;
  private final Controllers controllers;
  private final Map<String, Refusal> missing;

  /** With why there is no group for a controller, where there is none. */
  JobGroup(
      CgroupFiles files,
      List<Group> groups,
      Controllers controllers,
      Map<String, Refusal> missing) {
    this.files = files;
    this.groups = groups;
    this.controllers = controllers;
    this.missing = missing;
  }

  /** Whether there is a group at all; without one, limits are refused and the rest does nothing. */
  public boolean exists() {
    return !groups.isEmpty();
  }

  private boolean unified() {
    return exists() && groups.get(0).unified();
  }

  private Optional<Group> holding(Control control) {
    return groups.stream().filter(each -> each.holds(control.controller)).findFirst();
  }

  /** Writes each limit and reads it back. Never throws: what went wrong is in the outcomes. */
  public List<LimitOutcome> apply(Limits limits) {
    List<LimitOutcome> outcomes = new ArrayList<>();
    limits.cpuMax().ifPresent(max -> outcomes.add(apply(Control.CPU_MAX, max)));
    limits.cpuWeight().ifPresent(weight -> outcomes.add(apply(Control.CPU_WEIGHT, weight)));
    limits.memoryMaxBytes().ifPresent(bytes -> outcomes.add(apply(Control.MEMORY_MAX, bytes)));
    limits.ioMax().forEach(max -> outcomes.add(apply(Control.IO_MAX, max)));
    return outcomes;
  }

  private LimitOutcome apply(Control control, Object asked) {
    Optional<Group> group = holding(control);
    if (group.isEmpty()) {
      return Objects.requireNonNull(missing.get(control.controller))
          .outcome(control.limit, asked.toString());
    }
    for (boolean again = true; ; again = false) {
      try {
        return control.apply(files, group.get(), asked.toString());
      } catch (ErrnoException e) {
        boolean absent = e.errno() == Errno.ENOENT;
        if (absent && again) {
          controllers.enable(); // another governor may be about to, in a home that it just made
          continue;
        }
        Refusal refusal = Refusal.of(e, group.get().file(control.file(group.get().unified())));
        return (absent ? controllers.refusal(control.controller).orElse(refusal) : refusal)
            .outcome(control.limit, asked.toString());
      }
    }
  }

  /** At the end: a limit in force that reads otherwise now is lost. */
  public Receipt readBack(Receipt receipt) {
    List<LimitOutcome> outcomes = new ArrayList<>();
    for (LimitOutcome each : receipt.limits()) {
      Control control = Control.values()[each.limit().ordinal()];
      Optional<Group> group = each.status().inForce() ? holding(control) : Optional.empty();
      outcomes.add(group.map(it -> control.check(files, it, each)).orElse(each));
    }
    return Receipt.of(outcomes);
  }

  /** Moves a process here: in all hierarchies back to back, as only the first write is slow. */
  public void place(int pid) throws ErrnoException {
    for (Group group : groups) {
      files.write(group.file("cgroup.procs"), Integer.toString(pid));
    }
  }

  /** Whether the kernel names this very group for a process, in every hierarchy. */
  public boolean holds(int pid) throws ErrnoException {
    String membership = files.read("/proc/" + pid + "/cgroup");
    return groups.stream()
        .allMatch(each -> each.hierarchy().pathIn(membership).equals(Optional.of(each.path())));
  }

  /**
   * Whether somebody else took a process out: it is found elsewhere in some hierarchy. For a
   * process that exits v1 shows the root, which proves nothing.
   */
  public boolean movedOut(int pid) {
    try {
      String membership = files.read("/proc/" + pid + "/cgroup");
      boolean running = unified() || ProcessKey.running(files.read("/proc/" + pid + "/stat"));
      return running
          && groups.stream()
              .anyMatch(
                  each -> each.hierarchy().pathIn(membership).filter(each::contains).isEmpty());
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** A descriptor of the primary directory, for a child to be born in; the caller closes it. */
  public int open() throws ErrnoException {
    return files.open(toString());
  }

  /** On v2 a descriptor that shows EPOLLPRI when the group empties; the caller closes it. */
  public OptionalInt openEvents() {
    try {
      return unified() ? OptionalInt.of(files.openEvents(toString())) : OptionalInt.empty();
    } catch (ErrnoException e) {
      LOG.debug("{}: its end will not be notified", this, e);
      return OptionalInt.empty();
    }
  }

  /** The kernel's counters, read now. */
  public ResourceUsage usage() {
    return Counters.of(files, groups);
  }

  /** Why the kernel killed a process of the group for want of memory, if it did. */
  public Optional<OomCause> oomKilled() {
    return holding(Control.MEMORY_MAX).flatMap(group -> new Counters(files, group).oomKilled());
  }

  /**
   * The processes in the group and beneath it, as far as our pid namespace has numbers for them.
   */
  public List<Integer> members() {
    Set<Integer> found = new LinkedHashSet<>();
    try {
      if (exists()) {
        collect(toString(), found);
      }
    } catch (ErrnoException e) {
      LOG.debug("{}: not all are listed", this, e);
    }
    found.remove(0);
    return List.copyOf(found);
  }

  private void collect(String directory, Set<Integer> found) throws ErrnoException {
    try {
      String pids = files.read(directory + "/cgroup.procs");
      pids.lines().forEach(pid -> found.add((int) Counters.number(pid).orElse(0)));
      for (String each : files.subdirectories(directory)) {
        collect(each, found);
      }
    } catch (ErrnoException e) { // gone; or threaded, when its processes are listed above it
      if (!List.of(Errno.ENOENT, Errno.ENODEV, Errno.EOPNOTSUPP).contains(e.errno())) {
        throw e;
      }
    }
  }

  /** Whether a process lives in the group or beneath it; true also where that can't be read. */
  public boolean populated() {
    return exists() && populated(unified(), toString());
  }

  private boolean populated(boolean unified, String directory) {
    Set<Integer> found = new LinkedHashSet<>();
    try {
      if (unified) {
        return !files.read(directory + "/cgroup.events").contains("populated 0");
      }
      collect(directory, found);
      return !found.isEmpty();
    } catch (ErrnoException e) {
      return e.errno() != Errno.ENOENT;
    }
  }

  /** Kills the whole group where the kernel does that at once: v2, from Linux 5.14 on. */
  public boolean killAll() throws ErrnoException {
    return unified() && Call.unless(Errno.ENOENT, () -> files.write(this + "/cgroup.kill", "1"));
  }

  /** Removes the group where no process lives, the primary last; true once it is gone. */
  public boolean remove() {
    boolean gone = true;
    for (int i = groups.size() - 1; i >= 0 && gone; i--) {
      gone = remove(groups.get(i).unified(), groups.get(i).directory());
    }
    return gone;
  }

  private boolean remove(boolean unified, String directory) {
    try {
      boolean gone = Call.unless(Errno.EBUSY, () -> files.rmdir(directory));
      if (!gone && !populated(unified, directory)) {
        for (String each : files.subdirectories(directory)) { // made by the workload
          remove(unified, each);
        }
        gone = Call.unless(Errno.EBUSY, () -> files.rmdir(directory));
      }
      return gone;
    } catch (ErrnoException e) {
      LOG.debug("{}: not removed", directory, e);
      return e.errno() == Errno.ENOENT;
    }
  }

  /** Rewrites the mark. */
  public void mark(Mark mark) throws ErrnoException {
    if (exists()) {
      files.mark(toString(), mark.encode());
    }
  }

  /** The primary directory. */
  @Override
  public String toString() {
    return exists() ? groups.get(0).directory() : "no group";
  }
}
