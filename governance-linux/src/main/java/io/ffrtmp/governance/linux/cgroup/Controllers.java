package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands controllers down to jobs on v2, where a group has a controller's files only once its parent
 * enabled it (Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers"). Thread-safe.
 */
final class Controllers {
  private static final Logger LOG = LoggerFactory.getLogger(Controllers.class);
  private static final List<String> WANTED = List.of("memory", "cpu", "io");

  private final CgroupFiles files;
  private final List<String> levels;
  private final List<String> enabled = new ArrayList<>();
  private final Map<String, Refusal> refusals = new ConcurrentHashMap<>();

  /** With the directories that hand down, from the top; none on v1. */
  Controllers(CgroupFiles files, List<String> levels) {
    this.files = files;
    this.levels = levels;
  }

  /** Enables each controller by itself on each level, so that one that fails fails alone. */
  synchronized void enable() {
    refusals.clear();
    for (String level : levels) {
      String file = level + "/cgroup.subtree_control";
      try {
        List<String> before = List.of(files.read(file).strip().split(" "));
        WANTED.stream().filter(name -> !before.contains(name)).forEach(name -> enable(file, name));
      } catch (ErrnoException e) {
        WANTED.forEach(name -> refusals.putIfAbsent(name, Refusal.of(e, file)));
      }
    }
  }

  private void enable(String file, String name) {
    try {
      files.write(file, "+" + name);
      enabled.add(file + " " + name);
    } catch (ErrnoException e) {
      refusals.putIfAbsent(name, Refusal.of(e, file));
    }
  }

  /** Why a controller was not handed down. */
  Optional<Refusal> refusal(String controller) {
    return Optional.ofNullable(refusals.get(controller));
  }

  /** Undoes what was enabled here on the top level; the lower ones are gone by then. */
  synchronized void disable() {
    for (String each : enabled) {
      String[] parts = each.split(" (?=[^ ]+$)");
      if (parts[0].equals(levels.get(0) + "/cgroup.subtree_control")) {
        try {
          files.write(parts[0], "-" + parts[1]);
        } catch (ErrnoException e) {
          LOG.debug("left enabled", e);
        }
      }
    }
    enabled.clear();
  }
}
