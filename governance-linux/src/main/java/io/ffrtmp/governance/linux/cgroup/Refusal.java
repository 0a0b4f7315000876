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

/** Why a limit can't be had, with a cure that an operator can type. */
record Refusal(Status status, String file, String errno, String cure) {
  static final String DELEGATE =
      "run as root, or in a unit with: systemctl edit UNIT, [Service] Delegate=yes";
  static final String LEAF =
      "processes live in the base; systemctl edit UNIT, [Service] DelegateSubgroup=supervisor"
          + " (systemd 254), or use becomeLeaf()";

  static final String HAND_DOWN =
      "systemctl edit UNIT (or user@.service), [Service] Delegate=cpu memory io";

  /** The kernel's refusal of a write. */
  static Refusal of(ErrnoException e, String file, String asked) {
    boolean enabling = file.endsWith("/cgroup.subtree_control");
    String cure =
        switch (e.errno()) {
          case Errno.EACCES, Errno.EPERM ->
              e instanceof ForeignException its ? its.cure() : DELEGATE;
          case Errno.EROFS -> "mount the cgroup file system with mount -o remount,rw";
          case Errno.EBUSY -> enabling ? LEAF : "ask for more than the group uses now";
          case Errno.ENOENT -> enabling ? HAND_DOWN : missing(asked);
          case Errno.ENODEV -> Disk.cure(asked.split(" ")[0]);
          case Errno.EOPNOTSUPP -> "use a base whose cgroup.type is domain";
          default -> "ask for a value that the kernel takes in this file";
        };
    List<Integer> denials = List.of(Errno.EACCES, Errno.EPERM, Errno.EROFS);
    Status status = denials.contains(e.errno()) ? Status.DENIED : Status.UNSUPPORTED;
    return new Refusal(status, file, e.name(), cure);
  }

  /** Either the path that was asked for is not there, or the file that takes the limit. */
  private static String missing(String asked) {
    String target = asked.startsWith("/") ? IoMax.parse(asked).target() : "";
    return Disk.missing(target)
        ? "name a path that exists; " + target + " does not"
        : "boot a kernel that has this file";
  }

  /** There is no group for this controller. */
  static Refusal missing(Hierarchies hierarchies, String controller) {
    return hierarchies
        .of(controller)
        .map(each -> denied(each.mountPoint()))
        .orElse(
            new Refusal(
                Status.UNSUPPORTED,
                "/proc/cgroups",
                "",
                "boot with cgroup_enable="
                    + controller
                    + ", mount cgroups within this cgroup namespace, or hand the controller down"));
  }

  private static Refusal denied(String mountPoint) {
    int errno = Libc.access(mountPoint, Libc.W_OK);
    return errno == Errno.EROFS
        ? of(new ErrnoException(errno, "write"), mountPoint, "")
        : new Refusal(Status.DENIED, mountPoint, "", DELEGATE);
  }

  /** For each controller, why there would be no group for it. */
  static Map<String, Refusal> missing(Hierarchies hierarchies) {
    Map<String, Refusal> all = new HashMap<>();
    for (Control each : Control.values()) {
      all.put(each.controller, missing(hierarchies, each.controller));
    }
    return all;
  }

  LimitOutcome outcome(Limit limit, String asked) {
    LimitOutcome outcome = LimitOutcome.of(limit, status, asked).with(Detail.FILE, file);
    outcome = errno.isEmpty() ? outcome : outcome.with(Detail.ERRNO, errno);
    return outcome.with(Detail.CURE, cure);
  }
}
