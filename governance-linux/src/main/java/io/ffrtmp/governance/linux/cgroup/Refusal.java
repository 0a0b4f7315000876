package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Why a limit can't be had, with a cure that an operator can type. */
record Refusal(Status status, String file, String errno, String cure) {

  /** The kernel's refusal of a write to a file. */
  static Refusal of(ErrnoException e, String file) {
    return new Refusal(status(e.errno()), file, e.name(), cure(e.errno(), file));
  }

  /** For each controller, why there would be no group for it. */
  static Map<String, Refusal> missing(Hierarchies hierarchies, Optional<String> configured) {
    Map<String, Refusal> missing = new HashMap<>();
    for (Control control : Control.values()) {
      String name = control.controller;
      missing.put(
          name,
          hierarchies
              .of(name)
              .map(each -> noBase(each, configured))
              .orElse(
                  new Refusal(
                      Status.UNSUPPORTED,
                      "/proc/cgroups",
                      "",
                      "boot a kernel that has the "
                          + name
                          + " controller, cgroup_enable="
                          + name)));
    }
    return missing;
  }

  private static Refusal noBase(Hierarchy hierarchy, Optional<String> configured) {
    String cure =
        configured
            .map(path -> "mkdir the configured base in " + hierarchy.mountPoint() + ": " + path)
            .orElse(cure(Errno.EACCES, ""));
    return new Refusal(Status.DENIED, hierarchy.mountPoint(), "", cure);
  }

  private static Status status(int errno) {
    boolean denied = errno == Errno.EACCES || errno == Errno.EPERM || errno == Errno.EROFS;
    return denied ? Status.DENIED : Status.UNSUPPORTED;
  }

  private static String cure(int errno, String file) {
    boolean enabling = file.endsWith("/cgroup.subtree_control");
    return switch (errno) {
      case Errno.EACCES, Errno.EPERM ->
          "run as root, or in a unit with: systemctl edit UNIT, [Service] Delegate=yes";
      case Errno.EROFS -> "mount -o remount,rw the cgroup file system of " + file;
      case Errno.EBUSY ->
          enabling
              ? "processes live in the base: systemctl edit UNIT, [Service]"
                  + " DelegateSubgroup=supervisor (systemd 254), or call becomeLeaf()"
              : "ask for more than the group uses now: cat " + file;
      case Errno.ENOENT ->
          enabling
              ? "hand the controller down: systemctl edit user@.service (or the unit), [Service]"
                  + " Delegate=cpu memory io"
              : "use a kernel that has " + file;
      case Errno.ENODEV ->
          "name a whole disk that has a limit of its own: lsblk -d -o NAME,MAJ:MIN";
      case Errno.EOPNOTSUPP -> "use a base that is not threaded: cat cgroup.type";
      default -> "ask for a value that the kernel takes there: " + file;
    };
  }

  LimitOutcome outcome(Limit limit, String asked) {
    LimitOutcome outcome = LimitOutcome.of(limit, status, asked).with(Detail.FILE, file);
    outcome = errno.isEmpty() ? outcome : outcome.with(Detail.ERRNO, errno);
    return outcome.with(Detail.CURE, cure);
  }
}
