package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands controllers down on v2, where a group has a controller's files only once every group above
 * it enabled it (Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers"). Thread-safe.
 */
final class Controllers {
  private static final Logger LOG = LoggerFactory.getLogger(Controllers.class);

  private final CgroupFiles files;
  private final List<String> levels;
  private final List<String> enabled = new ArrayList<>();
  private final Map<String, Refusal> refusals = new ConcurrentHashMap<>();

  /** With the directories that hand down, the highest first; none on v1. */
  Controllers(CgroupFiles files, List<String> levels) {
    this.files = files;
    this.levels = levels;
  }

  /** Enables each on each level by itself, so that one which fails fails alone. */
  synchronized void enable() {
    refusals.clear();
    for (String level : levels) {
      String file = level + "/cgroup.subtree_control";
      for (String name : List.of("memory", "cpu", "io")) {
        try {
          if (!List.of(files.read(file).strip().split(" ")).contains(name)) {
            refuseIfInhabited(level);
            files.write(file, "+" + name);
            enabled.add(level + " " + name);
          }
        } catch (ErrnoException e) {
          refusals.putIfAbsent(name, Refusal.of(e, file));
        }
      }
    }
  }

  /**
   * The kernel refuses itself, but for threaded controllers such as cpu: with those on, a group
   * that has processes turns "domain threaded", and no group beneath it can take a process any
   * more. The root alone is exempt, and alone has no type.
   */
  private void refuseIfInhabited(String level) throws ErrnoException {
    boolean exempt = !Call.unless(Errno.ENOENT, () -> files.read(level + "/cgroup.type"));
    if (!exempt && !files.read(level + "/cgroup.procs").isBlank()) {
      throw new ErrnoException(Errno.EBUSY, "enable controllers where processes live: " + level);
    }
  }

  /** Why a controller was not handed down. */
  Optional<Refusal> refusal(String controller) {
    return Optional.ofNullable(refusals.get(controller));
  }

  /** Undoes what was enabled here on the highest level; the lower ones are gone by then. */
  synchronized void disable() {
    for (String name : List.of("memory", "cpu", "io")) {
      if (!levels.isEmpty() && enabled.contains(levels.get(0) + " " + name)) {
        try {
          files.write(levels.get(0) + "/cgroup.subtree_control", "-" + name);
        } catch (ErrnoException e) {
          LOG.debug("{}: {} stays enabled", levels.get(0), name, e);
        }
      }
    }
    enabled.clear();
  }
}
