package io.ffrtmp.governance.linux.cgroup;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A directory of a hierarchy. */
record Group(Hierarchy hierarchy, String directory) {

  Group child(String name) {
    return new Group(hierarchy, file(name));
  }

  /** The directories above it that can have limits, the nearest first. */
  List<String> above() {
    List<String> above = new ArrayList<>();
    for (String each = parent();
        each.length() >= hierarchy.mountPoint().length() && !hierarchy.isSystemRoot(each);
        each = parent(each)) {
      above.add(each);
    }
    return above;
  }

  String parent() {
    return parent(directory);
  }

  static String parent(String directory) {
    return directory.substring(0, directory.lastIndexOf('/'));
  }

  boolean unified() {
    return hierarchy.unified();
  }

  boolean holds(String controller) {
    return hierarchy.controllers().contains(controller);
  }

  String file(String name) {
    return directory + "/" + name;
  }

  String path() {
    return hierarchy.path(directory);
  }

  /** Whether a {@code /proc/PID/cgroup} names this very group. */
  boolean isIn(String membership) {
    return hierarchy.pathIn(membership).equals(Optional.of(path()));
  }

  /** Whether a {@code /proc/PID/cgroup} names this group, or one beneath it. */
  boolean hosts(String membership) {
    return hierarchy.pathIn(membership).filter(this::contains).isPresent();
  }

  /** Whether a path of this hierarchy is this group's, or lies beneath it. */
  boolean contains(String path) {
    String prefix = path().equals("/") ? "/" : path() + "/";
    return (path.replace(" (deleted)", "") + "/").startsWith(prefix);
  }
}
