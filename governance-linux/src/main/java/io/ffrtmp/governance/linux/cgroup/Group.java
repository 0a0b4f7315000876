package io.ffrtmp.governance.linux.cgroup;

import java.util.ArrayList;
import java.util.List;

/**
 * A job's directory in one hierarchy.
 *
 * @param above the directories above it that can have limits, the nearest first
 */
record Group(Hierarchy hierarchy, String directory, List<String> above) {

  String file(String name) {
    return directory + "/" + name;
  }

  /** A group beneath this one. */
  Group child(String name) {
    List<String> levels = new ArrayList<>(above.size() + 1);
    levels.add(directory);
    levels.addAll(above);
    return new Group(hierarchy, directory + "/" + name, levels);
  }

  String path() {
    return hierarchy.path(directory);
  }

  boolean holds(String controller) {
    return hierarchy.controllers().contains(controller);
  }

  /** Whether a path out of {@code /proc/PID/cgroup} is this group's, or lies beneath it. */
  boolean contains(String path) {
    return path.equals(path())
        || path.startsWith(path() + "/")
        || path.equals(path() + " (deleted)");
  }
}
