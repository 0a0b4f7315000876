package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands controllers down on v2, where a group has a controller's files only once every group above
 * it enabled it (Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers"). Thread-safe.
 */
final class Controllers {
  private static final Logger LOG = LoggerFactory.getLogger(Controllers.class);

  private static final List<String> NAMES = List.of("memory", "cpu", "io");

  private final CgroupFiles files;
  private final List<Group> levels; // none, or the place of the home and the home
  private final List<String> enabled = new ArrayList<>();
  private volatile Map<String, Refusal> refusals = Map.of();

  /** For groups in these homes; those of v1 need nothing. */
  Controllers(CgroupFiles files, List<Group> homes) {
    this.files = files;
    this.levels =
        homes.stream()
            .filter(Group::unified)
            .flatMap(home -> Stream.of(new Group(home.hierarchy(), home.parent()), home))
            .toList();
  }

  /** Enables each on each level by itself, so that one which fails fails alone. */
  synchronized void enable() {
    Map<String, Refusal> refused = new HashMap<>();
    for (Group level : levels) {
      String file = level.file("cgroup.subtree_control");
      for (String name : NAMES) {
        try {
          if (!List.of(files.read(file).strip().split(" ")).contains(name)) {
            refuseIfInhabited(level);
            files.write(file, "+" + name);
            enabled.add(level.file(name));
          }
        } catch (ErrnoException e) {
          refused.putIfAbsent(name, Refusal.of(e, file, name));
        }
      }
    }
    refusals = refused;
  }

  /**
   * The kernel refuses itself, but for threaded controllers such as cpu: with those on, a group
   * that has processes turns "domain threaded", and no group beneath it can take a process any
   * more.
   */
  private void refuseIfInhabited(Group level) throws ErrnoException {
    if (!exempt(level) && !files.read(level.file("cgroup.procs")).isBlank()) {
      String where = "enable controllers where processes live: " + level.directory();
      throw new ErrnoException(Errno.EBUSY, where);
    }
  }

  /** Why a controller was not handed down. */
  Optional<Refusal> refusal(String controller) {
    return Optional.ofNullable(refusals.get(controller));
  }

  /** The place of the home, if it takes no process now, as it hands controllers down. */
  Optional<String> barred() {
    try {
      boolean open =
          levels.isEmpty()
              || exempt(levels.get(0))
              || files.read(levels.get(0).file("cgroup.subtree_control")).isBlank();
      return open ? Optional.empty() : Optional.of(levels.get(0).directory());
    } catch (ErrnoException e) {
      LOG.debug("{}: whether it takes processes is not known", this, e);
      return Optional.empty();
    }
  }

  /**
   * Undoes what was enabled here on the highest level; the lower ones are gone by then. Nothing
   * where others have groups by now, which may have limits; our own leaf has none.
   */
  synchronized void disable() {
    if (!enabled.isEmpty() && !shared(this::isOurLeaf)) {
      for (String name : NAMES) {
        if (enabled.contains(levels.get(0).file(name))) {
          disable(levels.get(0), name);
        }
      }
    }
    enabled.clear();
  }

  /**
   * Takes all controllers back, from the lowest level up, before the last job leaves. Where
   * processes lived before there was a home, none can have been on, but for the root and threaded
   * groups, which keep their own. None at all where others have groups beside the home by now,
   * which may have limits: what lives in it can't leave then, and keeps its own.
   */
  synchronized void withdraw() {
    withdraw(levels, levels::contains);
  }

  /** The same once the home is gone; if it is there again, it is another governor's. */
  synchronized void withdrawFromPlace() {
    withdraw(levels.stream().limit(1).toList(), any -> false);
  }

  private void withdraw(List<Group> from, Predicate<Group> ours) {
    if (!from.isEmpty() && isDomain(from.get(0)) && !shared(ours)) {
      for (int i = from.size() - 1; i >= 0; i--) {
        for (String name : NAMES) {
          disable(from.get(i), name);
        }
      }
    }
    enabled.clear();
  }

  /** Whether there is a group in the place of the home that is not ours, or that can't be told. */
  private boolean shared(Predicate<Group> ours) {
    Group place = levels.get(0);
    try {
      for (String each : files.subdirectories(place.directory())) {
        if (!ours.test(new Group(place.hierarchy(), each))) {
          LOG.debug("{}: controllers stay on, for {}", place.directory(), each);
          return true;
        }
      }
      return false;
    } catch (ErrnoException e) {
      LOG.debug("{}: controllers stay on", place.directory(), e);
      return true;
    }
  }

  private void disable(Group level, String name) {
    try {
      files.write(level.file("cgroup.subtree_control"), "-" + name);
    } catch (ErrnoException e) {
      LOG.debug("{}: {} stays as it is", level.directory(), name, e);
    }
  }

  /** Whether we live in it, as becomeLeaf() or DelegateSubgroup= made it: a unit has limits. */
  private boolean isOurLeaf(Group group) {
    try {
      String ours = Residence.membership(files, ProcessKey.self().pid()).orElse("");
      return group.hosts(ours) && !group.directory().matches(".*\\.(service|scope|slice)");
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** Neither the root nor threaded: one that can't have both processes and controllers. */
  private boolean isDomain(Group level) {
    try {
      return files.read(level.file("cgroup.type")).strip().equals("domain");
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** The root alone may have processes and hand down controllers, and alone has no type. */
  private boolean exempt(Group level) {
    return Libc.access(level.file("cgroup.type"), Libc.F_OK) == Errno.ENOENT;
  }
}
