package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A group of a job in one hierarchy, and those that the workload made beneath it. */
record Subtree(CgroupFiles files, Group group) {
  private static final Logger LOG = LoggerFactory.getLogger(Subtree.class);

  /** The processes, as far as our pid namespace has numbers for them and they can be read. */
  Set<Integer> members() {
    Set<Integer> found = new LinkedHashSet<>();
    try {
      collect(group.directory(), found);
    } catch (ErrnoException e) {
      LOG.debug("{}: not all are listed", group, e);
    }
    found.remove(0);
    return found;
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

  /** Whether a process lives there; true also where that can't be read. */
  boolean populated() {
    return populated(group.directory());
  }

  private boolean populated(String directory) {
    Set<Integer> found = new LinkedHashSet<>();
    try {
      if (group.unified()) {
        return !files.read(directory + "/cgroup.events").contains("populated 0");
      }
      collect(directory, found);
      return !found.isEmpty();
    } catch (ErrnoException e) {
      return e.errno() != Errno.ENOENT;
    }
  }

  /** Whether a job lies beneath whose end was told nobody, or that can't be told. */
  boolean hasJobs() {
    return hasJobs(group.directory());
  }

  private boolean hasJobs(String directory) {
    try {
      for (String each : files.subdirectories(directory)) {
        boolean job = Mark.read(files, each).flatMap(Mark::leader).isPresent();
        if (job || hasJobs(each)) {
          return true;
        }
      }
      return false;
    } catch (ErrnoException e) {
      return e.errno() != Errno.ENOENT;
    }
  }

  /** Removes the directories if no process lives there; true once they are gone. */
  boolean remove() {
    return remove(group.directory());
  }

  private boolean remove(String directory) {
    try {
      boolean gone = Call.unless(Errno.EBUSY, () -> files.rmdir(directory));
      if (!gone && !populated(directory)) {
        for (String each : files.subdirectories(directory)) { // made by the workload
          remove(each);
        }
        gone = Call.unless(Errno.EBUSY, () -> files.rmdir(directory));
      }
      return gone;
    } catch (ErrnoException e) {
      LOG.debug("{}: not removed", directory, e);
      return e.errno() == Errno.ENOENT;
    }
  }

  /**
   * The group with this id, the inode number of its directory (kernfs); empty if it is not found,
   * be it that not all could be looked at.
   */
  Optional<Group> find(long cgroup) {
    try {
      if (Libc.stat(group.directory()).inode() == cgroup) {
        return Optional.of(group);
      }
      for (String each : files.subdirectories(group.directory())) {
        Optional<Group> found = new Subtree(files, new Group(group.hierarchy(), each)).find(cgroup);
        if (found.isPresent()) {
          return found;
        }
      }
    } catch (ErrnoException e) {
      LOG.debug("{}: not all is looked at", group, e);
    }
    return Optional.empty();
  }
}
