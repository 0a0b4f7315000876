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
  private final List<Group> homes;
  private final List<String> levels;
  private final List<String> enabled = new ArrayList<>();
  private volatile Map<String, Refusal> refusals = Map.of();

  /** For groups in these homes; those of v1 need nothing. */
  Controllers(CgroupFiles files, List<Group> homes) {
    this.files = files;
    this.homes = homes.stream().filter(Group::unified).toList();
    this.levels =
        this.homes.stream().flatMap(home -> Stream.of(home.parent(), home.directory())).toList();
  }

  /** Enables each on each level by itself, so that one which fails fails alone. */
  synchronized void enable() {
    Map<String, Refusal> refused = new HashMap<>();
    for (String level : levels) {
      String file = level + "/cgroup.subtree_control";
      for (String name : NAMES) {
        try {
          if (!List.of(files.read(file).strip().split(" ")).contains(name)) {
            refuseIfInhabited(level);
            files.write(file, "+" + name);
            enabled.add(level + " " + name);
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
  private void refuseIfInhabited(String level) throws ErrnoException {
    if (!exempt(level) && !files.read(level + "/cgroup.procs").isBlank()) {
      throw new ErrnoException(Errno.EBUSY, "enable controllers where processes live: " + level);
    }
  }

  /** Why a controller was not handed down. */
  Optional<Refusal> refusal(String controller) {
    return Optional.ofNullable(refusals.get(controller));
  }

  /** The place of the home, if it takes no process now, as it hands controllers down. */
  Optional<String> barred() {
    try {
      String place = levels.isEmpty() ? "" : levels.get(0);
      boolean open =
          place.isEmpty()
              || exempt(place)
              || files.read(place + "/cgroup.subtree_control").isBlank();
      return open ? Optional.empty() : Optional.of(place);
    } catch (ErrnoException e) {
      LOG.debug("{}: whether it takes processes is not known", this, e);
      return Optional.empty();
    }
  }

  /**
   * Undoes what was enabled here on the highest level; the lower ones are gone by then. Nothing
   * where others have groups by now, which may have limits: all but the one that we live in.
   */
  synchronized void disable() {
    if (!enabled.isEmpty() && !shared(this::holdsUs)) {
      for (String name : NAMES) {
        if (enabled.contains(levels.get(0) + " " + name)) {
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
    withdraw(levels);
  }

  /** The same once the home is gone. One that another governor has made since keeps its own. */
  synchronized void withdrawFromPlace() {
    withdraw(levels.stream().limit(1).toList());
  }

  private void withdraw(List<String> from) {
    if (!from.isEmpty() && isDomain(from.get(0)) && !shared(beside -> false)) {
      for (int i = from.size() - 1; i >= 0; i--) {
        for (String name : NAMES) {
          disable(from.get(i), name);
        }
      }
    }
    enabled.clear();
  }

  /** Whether there is anything beside the home, not to be left out, or that can't be told. */
  private boolean shared(Predicate<Group> leftOut) {
    List<String> beside = new ArrayList<>();
    try {
      beside.addAll(files.subdirectories(levels.get(0)));
      beside.removeAll(levels);
      beside.removeIf(each -> leftOut.test(new Group(homes.get(0).hierarchy(), each)));
    } catch (ErrnoException e) {
      beside.add(e.getMessage());
    }
    if (!beside.isEmpty()) {
      LOG.debug("{}: controllers stay on, for {}", levels.get(0), beside);
    }
    return !beside.isEmpty();
  }

  private void disable(String level, String name) {
    try {
      files.write(level + "/cgroup.subtree_control", "-" + name);
    } catch (ErrnoException e) {
      LOG.debug("{}: {} stays as it is", level, name, e);
    }
  }

  private boolean holdsUs(Group group) {
    try {
      String ours = Residence.membership(files, ProcessKey.self().pid()).orElse("");
      return group.hosts(ours);
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** Neither the root nor threaded: one that can't have both processes and controllers. */
  private boolean isDomain(String level) {
    try {
      return files.read(level + "/cgroup.type").strip().equals("domain");
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** The root alone may have processes and hand down controllers, and alone has no type. */
  private boolean exempt(String level) {
    return Libc.access(level + "/cgroup.type", Libc.F_OK) == Errno.ENOENT;
  }
}
