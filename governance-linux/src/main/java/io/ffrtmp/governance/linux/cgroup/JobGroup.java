package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.Limit;
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
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
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
  private final Map<String, Refusal> missing;
  private final Controllers controllers;

  /** With why there is no group for a controller, where there is none. */
  JobGroup(
      CgroupFiles files,
      List<Group> groups,
      Map<String, Refusal> missing,
      Controllers controllers) {
    this.files = files;
    this.groups = groups;
    this.missing = missing;
    this.controllers = controllers;
  }

  /** Whether there is a group at all; without one limits are refused, and the rest does nothing. */
  public boolean exists() {
    return !groups.isEmpty();
  }

  /** Writes each limit and reads it back. Never throws: what went wrong is in the outcomes. */
  public List<LimitOutcome> apply(Limits limits) {
    List<LimitOutcome> outcomes = new ArrayList<>();
    limits.cpuMax().ifPresent(max -> outcomes.add(apply(Limit.CPU_MAX, max)));
    limits.cpuWeight().ifPresent(weight -> outcomes.add(apply(Limit.CPU_WEIGHT, weight)));
    limits.memoryMaxBytes().ifPresent(bytes -> outcomes.add(apply(Limit.MEMORY_MAX, bytes)));
    limits.ioMax().forEach(max -> outcomes.add(apply(Limit.IO_MAX, max)));
    return outcomes;
  }

  private LimitOutcome apply(Limit limit, Object value) {
    Control control = Control.of(limit);
    String asked = value.toString();
    Optional<Group> group = holding(control);
    if (group.isEmpty()) {
      return missing.get(control.controller).outcome(limit, asked);
    }
    try {
      return control.apply(files, group.get(), asked);
    } catch (ErrnoException e) {
      return controllers
          .refusal(control.controller)
          .orElse(Refusal.of(e, group.get().file(control.file(group.get().hierarchy()).name())))
          .outcome(limit, asked);
    }
  }

  private Optional<Group> holding(Control control) {
    return groups.stream().filter(each -> each.holds(control.controller)).findFirst();
  }

  /** Moves a process here: in every hierarchy, back to back, as only the first write is slow. */
  public void place(int pid) throws ErrnoException {
    for (Group group : groups) {
      files.write(group.file("cgroup.procs"), Integer.toString(pid));
    }
  }

  /** Whether the kernel names this very group for a process in every hierarchy. */
  public boolean holds(int pid) throws ErrnoException {
    String membership = files.read("/proc/" + pid + "/cgroup");
    for (Group group : groups) {
      if (!group.hierarchy().pathIn(membership).equals(Optional.of(group.path()))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Whether a process was moved out by somebody else: it is found elsewhere in some hierarchy. v1
   * shows the root for a process that exits: that proves nothing.
   */
  public boolean movedOut(int pid) {
    try {
      String membership = files.read("/proc/" + pid + "/cgroup");
      for (Group group : groups) {
        String path = group.hierarchy().pathIn(membership).orElse(group.path());
        boolean exiting = path.equals("/") && !group.hierarchy().unified() && !running(pid);
        if (!group.contains(path) && !exiting) {
          return true;
        }
      }
    } catch (ErrnoException e) {
      LOG.debug("{}: where {} is can't be told", this, pid, e);
    }
    return false;
  }

  /** Whether a process has not begun to exit (the flag PF_EXITING in its stat, proc(5)). */
  private static boolean running(int pid) throws ErrnoException {
    return (Long.parseLong(ProcessKey.stat("" + pid)[6]) & 4) == 0;
  }

  /** A descriptor of the primary directory, for a child to be born in; the caller closes it. */
  public int open() throws ErrnoException {
    return files.open(toString());
  }

  /** v2: a descriptor that has EPOLLPRI when the group empties; the caller closes it. */
  public OptionalInt openEvents() {
    try {
      return unified() ? OptionalInt.of(files.openEvents(toString())) : OptionalInt.empty();
    } catch (ErrnoException e) {
      LOG.debug("{}: no events", this, e);
      return OptionalInt.empty();
    }
  }

  private boolean unified() {
    return exists() && groups.get(0).hierarchy().unified();
  }

  /** The receipt at the end: a limit in force that reads otherwise now is lost. */
  public Receipt readBack(Receipt receipt) {
    List<LimitOutcome> outcomes = new ArrayList<>();
    for (LimitOutcome outcome : receipt.limits()) {
      Control control = Control.of(outcome.limit());
      Optional<Group> group = holding(control).filter(each -> outcome.status().inForce());
      outcomes.add(group.map(each -> control.check(files, each, outcome)).orElse(outcome));
    }
    return Receipt.of(outcomes);
  }

  /** The kernel's counters, read now. */
  public ResourceUsage usage() {
    Counters counters = new Counters(files);
    groups.forEach(counters::add);
    return counters.usage();
  }

  /** Why the kernel killed a process of the group for want of memory, if it did. */
  public Optional<OomCause> oomKilled() {
    return holding(Control.MEMORY_MAX).flatMap(group -> new Counters(files).oomKilled(group));
  }

  /** The processes in the group and in groups beneath it. */
  public List<Integer> members() {
    Set<Integer> found = new LinkedHashSet<>();
    groups.stream().limit(1).forEach(group -> collect(group.directory(), found));
    return List.copyOf(found);
  }

  private void collect(String directory, Set<Integer> found) {
    try {
      for (String pid : files.read(directory + "/cgroup.procs").split("\n")) {
        OptionalLong number = Counters.number(pid);
        if (number.orElse(0) > 0) { // 0 stands for a process outside of our pid namespace
          found.add((int) number.getAsLong());
        }
      }
      files.subdirectories(directory).forEach(each -> collect(each, found));
    } catch (ErrnoException e) { // gone meanwhile, or threaded: its processes are listed above it
      LOG.debug("{}: not listed", directory, e);
    }
  }

  /** Kills every process of the group at once, where the kernel can: v2 from Linux 5.14 on. */
  public boolean killAll() throws ErrnoException {
    try {
      if (unified()) {
        files.write(this + "/cgroup.kill", "1");
      }
      return unified();
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT) {
        return false;
      }
      throw e;
    }
  }

  /** Whether a process lives in the group or beneath it; also true when that can't be read. */
  public boolean populated() {
    return exists() && populated(groups.get(0).hierarchy().unified(), toString());
  }

  private boolean populated(boolean unified, String directory) {
    try {
      if (unified) {
        return !files.read(directory + "/cgroup.events").contains("populated 0");
      }
      boolean populated = !files.read(directory + "/cgroup.procs").isEmpty();
      for (String each : files.subdirectories(directory)) {
        populated = populated || populated(false, each);
      }
      return populated;
    } catch (ErrnoException e) {
      return e.errno() != Errno.ENOENT;
    }
  }

  /** Removes the group if it has no process: true once it is gone. */
  public boolean remove() {
    for (int i = groups.size() - 1; i >= 0; i--) {
      if (!remove(groups.get(i).hierarchy().unified(), groups.get(i).directory())) {
        return false;
      }
    }
    return true;
  }

  private boolean remove(boolean unified, String directory) {
    try {
      files.rmdir(directory);
      return true;
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EBUSY || populated(unified, directory)) {
        LOG.debug("{}: not removed", directory, e);
        return e.errno() == Errno.ENOENT;
      }
    }
    try { // groups that the workload made
      boolean empty = true;
      for (String each : files.subdirectories(directory)) {
        empty &= remove(unified, each);
      }
      if (empty) {
        files.rmdir(directory);
      }
      return empty;
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
    return exists() ? groups.get(0).directory() : "(no group)";
  }
}
