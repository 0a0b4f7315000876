package io.ffrtmp.governance.linux.cgroup;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A directory of a hierarchy.
 *
 * @param above the directories above it that can have limits, the nearest first
 */
record Group(Hierarchy hierarchy, String directory, List<String> above) {

  /** One that exists, with all that is mounted above it. */
  static Group of(Hierarchy hierarchy, String directory) {
    List<String> above = new ArrayList<>();
    for (String each = directory; each.length() > hierarchy.mountPoint().length(); ) {
      each = each.substring(0, each.lastIndexOf('/'));
      above.add(each);
    }
    above.removeIf(hierarchy::isSystemRoot);
    return new Group(hierarchy, directory, above);
  }

  Group child(String name) {
    List<String> levels = new ArrayList<>(above);
    levels.add(0, directory);
    return new Group(hierarchy, file(name), levels);
  }

  String parent() {
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

  /** Whether a path of this hierarchy is this group's, or lies beneath it. */
  boolean contains(String path) {
    String prefix = path().equals("/") ? "/" : path() + "/";
    return (path.replace(" (deleted)", "") + "/").startsWith(prefix);
  }
}
