package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Why a limit can't be had, with a cure that an operator can type. */
record Refusal(Status status, String file, String errno, String cure) {
  static final String LEAF =
      "processes live in the base; systemctl edit UNIT, [Service] DelegateSubgroup=supervisor"
          + " (systemd 254), or use becomeLeaf()";

  private static final String CONTROLLERS = "/proc/cgroups";
  private static final String MOUNTS = "/proc/self/mountinfo";

  static final String HAND_DOWN =
      "systemctl edit UNIT (or user@.service), [Service] Delegate=cpu memory io";

  /** The kernel's refusal of a write. */
  static Refusal of(ErrnoException e, String file, String asked) {
    boolean enabling = file.endsWith("/cgroup.subtree_control");
    String cure =
        switch (e.errno()) {
          case Errno.EACCES, Errno.EPERM ->
              e instanceof ForeignException its ? its.cure() : permission(unified(file));
          case Errno.EROFS -> "mount the cgroup file system with mount -o remount,rw";
          case Errno.EBUSY -> enabling ? LEAF : "ask for more than the group uses now";
          case Errno.ENOENT -> enabling ? HAND_DOWN : missing(file, asked);
          case Errno.ENODEV -> Disk.cure(asked.split(" ")[0]);
          case Errno.EOPNOTSUPP -> "use a base whose cgroup.type is domain";
          default -> "ask for a value that the kernel takes in this file";
        };
    List<Integer> denials = List.of(Errno.EACCES, Errno.EPERM, Errno.EROFS);
    Status status = denials.contains(e.errno()) ? Status.DENIED : Status.UNSUPPORTED;
    return new Refusal(status, file, e.name(), cure);
  }

  /** The path that was asked for is not there, or the group, or the file that takes the limit. */
  private static String missing(String file, String asked) {
    String target = asked.startsWith("/") ? IoMax.parse(asked).target() : "";
    String group = Group.parent(file);
    if (Disk.missing(target)) {
      return "name a path that exists; " + target + " does not";
    }
    return Libc.access(group, Libc.F_OK) == Errno.ENOENT
        ? "somebody removed " + group + ": make it again"
        : "boot a kernel that has this file";
  }

  /** By the nearest directory that is there and open to us. */
  private static boolean unified(String file) {
    String at = file;
    while (at.contains("/") && Libc.access(at, Libc.F_OK) != 0) {
      at = Group.parent(at);
    }
    return Hierarchies.isCgroup(at, true);
  }

  /** On v1 systemd hands its users no controller (systemd.resource-control(5), Delegate=). */
  private static String permission(boolean unified) {
    String root = Libc.geteuid() == 0 ? "run as root of the host, or " : "run as root, or ";
    return root
        + (unified
            ? "in a unit with: systemctl edit UNIT, [Service] Delegate=yes"
            : "let root give you a cgroup, with mkdir CGROUP; chown -R USER CGROUP in each hierarchy,"
                + " and run in it, or name it as the base");
  }

  /** For each controller, why there would be no group for it; with the base that was configured. */
  static Map<String, Refusal> missing(Hierarchies hierarchies, Optional<String> configured) {
    Map<String, Refusal> all = new HashMap<>();
    for (Control each : Control.values()) {
      Optional<Hierarchy> tree = hierarchies.of(each.controller);
      Refusal refusal =
          tree.isEmpty()
              ? absent(hierarchies, each.controller)
              : configured.isPresent()
                  ? noCgroup(hierarchies, tree.get(), configured.get())
                  : denied(tree.get());
      all.put(each.controller, refusal);
    }
    return all;
  }

  private static Refusal absent(Hierarchies hierarchies, String controller) {
    return new Refusal(Status.UNSUPPORTED, CONTROLLERS, "", visible(hierarchies, controller));
  }

  private static Refusal noCgroup(Hierarchies hierarchies, Hierarchy tree, String base) {
    String directory = Site.configured(hierarchies, tree, base).orElse(base);
    String cure =
        directory + " is no cgroup: make it, and so in each hierarchy, or configure another base";
    return new Refusal(Status.DENIED, directory, "", cure);
  }

  private static Refusal denied(Hierarchy tree) {
    int errno = Libc.access(tree.mountPoint(), Libc.W_OK);
    return errno == Errno.EROFS
        ? of(new ErrnoException(errno, "write"), tree.mountPoint(), "")
        : new Refusal(Status.DENIED, tree.mountPoint(), "", permission(tree.unified()));
  }

  /** What makes a controller visible that no hierarchy has which we see (cgroups(7)). */
  static String visible(Hierarchies hierarchies, String controller) {
    String name = controller.equals("io") ? "blkio" : controller;
    Matcher row = find("^" + name + "\\t(\\d+)\\t\\d+\\t(\\d)", CONTROLLERS);
    boolean listed = row.find();
    if (listed && row.group(2).equals("0")) {
      return "boot without cgroup_disable=%s, or where firmware adds it with cgroup_enable=%s"
          .formatted(name, name);
    }
    Matcher old = find("^" + (listed ? row.group(1) : "") + ":([^:]+):", "/proc/self/cgroup");
    if (old.find()) {
      String at = "/sys/fs/cgroup/" + old.group(1);
      boolean room = find(" /sys/fs/cgroup ", MOUNTS).find(); // in sysfs there is none
      String make = (room ? "" : "mount -t tmpfs none /sys/fs/cgroup; ") + "mkdir -p " + at;
      return make + "; " + mount("cgroup -o " + old.group(1), at);
    }
    return hierarchies.unified()
        ? "hand the controller " + controller + " down to this cgroup namespace"
        : mount("cgroup2", "/sys/fs/cgroup");
  }

  /** A mount of the same from outside our cgroup namespace is in the way (mount(2), EBUSY). */
  private static String mount(String type, String at) {
    boolean outside = find("^\\S+ \\S+ \\S+ /\\.\\.\\S* " + at + " ", MOUNTS).find();
    return (outside ? "umount " + at + "; " : "") + "mount -t " + type + " none " + at;
  }

  private static Matcher find(String line, String file) {
    try {
      return Pattern.compile(line, Pattern.MULTILINE).matcher(Libc.readText(file));
    } catch (ErrnoException e) {
      return Pattern.compile(line).matcher("");
    }
  }

  LimitOutcome outcome(Limit limit, String asked) {
    LimitOutcome outcome = LimitOutcome.of(limit, status, asked).with(Detail.FILE, file);
    outcome = errno.isEmpty() ? outcome : outcome.with(Detail.ERRNO, errno);
    return outcome.with(Detail.CURE, cure);
  }
}
