package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The base in one hierarchy.
 *
 * @param ours whether it was handed to us: what we switch on there, we switch off again
 */
record Site(Group group, String why, boolean ours) {
  private static final byte[] YES = {'1'};
  private static final String TOP = "the top, by privilege";
  private static final String NESTED = "inside the job that we belong to";

  /**
   * What was configured; else what is delegated to us; else, with privilege, the top, or our own
   * cgroup where we are part of a job, whose limits and whose kill() reach what we start.
   */
  static Optional<Site> find(
      Hierarchies all, Hierarchy hierarchy, Optional<String> configured, boolean nested) {
    boolean root = Libc.geteuid() == 0;
    String top = hierarchy.mountPoint();
    String own = hierarchy.directory(hierarchy.own()).orElse(top);
    String parent = Group.parent(own); // DelegateSubgroup= or becomeLeaf()
    Optional<Site> delegated =
        Stream.of(own, parent)
            .filter(each -> handed(hierarchy, each) && (marked(each)))
            .findFirst()
            .or(() -> Optional.of(own).filter(each -> !root && handed(hierarchy, each)))
            .map(each -> new Site(new Group(hierarchy, each), "delegated to us", true));
    Optional<Site> privileged =
        Optional.of(nested ? own : top)
            .filter(each -> root && Libc.access(each, Libc.W_OK) == 0)
            .map(each -> new Site(new Group(hierarchy, each), nested ? NESTED : TOP, nested));
    return configured.isPresent()
        ? configured(all, hierarchy, configured.get())
            .filter(each -> Hierarchies.isCgroup(each, hierarchy.unified()))
            .map(each -> new Site(new Group(hierarchy, each), "configured", true))
        : delegated.or(() -> privileged);
  }

  /** A directory in any of the hierarchies, or a path, stands for the same place in all of them. */
  static Optional<String> configured(Hierarchies all, Hierarchy hierarchy, String place) {
    return all.job().stream()
        .filter(each -> (place + "/").startsWith(each.mountPoint() + "/"))
        .map(each -> hierarchy.mountPoint() + place.substring(each.mountPoint().length()))
        .findFirst()
        .or(() -> hierarchy.directory(place));
  }

  /** systemd's word that it keeps its hands off (systemd.resource-control(5), Delegate=). */
  private static boolean marked(String directory) {
    for (String name : new String[] {"trusted.delegate", "user.delegate"}) {
      try {
        if (Libc.getxattr(directory, name).filter(value -> Arrays.equals(value, YES)).isPresent()) {
          return true;
        }
      } catch (ErrnoException e) {
        continue;
      }
    }
    return false;
  }

  /** Whether we may write what a delegate is handed (/sys/kernel/cgroup/delegate). */
  private static boolean handed(Hierarchy hierarchy, String directory) {
    Stream<String> files = Stream.of("", "/cgroup.procs", "/cgroup.subtree_control");
    return files
        .filter(each -> hierarchy.unified() || !each.endsWith("control"))
        .allMatch(each -> Libc.access(directory + each, Libc.W_OK) == 0);
  }

  /** Whether we live right in it: then it can't hand down controllers, as only the root could. */
  boolean isOurOwn() {
    Hierarchy hierarchy = group.hierarchy();
    return hierarchy.own().equals(group.path()) && !hierarchy.isSystemRoot(group.directory());
  }

  boolean aroundOrBeneathUs() {
    return ours
        && (group.contains(group.hierarchy().own())
            || (group.path() + "/").startsWith(group.hierarchy().own() + "/"));
  }
}
