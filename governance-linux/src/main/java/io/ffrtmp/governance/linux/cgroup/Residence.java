package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a process that somebody else started lives, in each hierarchy that has groups of jobs. */
public final class Residence {
  /** The unit that a path belongs to (systemd.unit(5)). */
  private static final Pattern UNIT = Pattern.compile(".*/([^/]+\\.(?:service|scope))(?:/.*)?");

  /** A list of children may lack one (proc_pid_task(5)); hardly the same one each time. */
  private static final int LOOKS = 3;

  private final CgroupFiles files;
  private final Hierarchies hierarchies;
  private final String membership;
  private final List<Group> groups = new ArrayList<>();

  private Residence(CgroupFiles files, Hierarchies hierarchies, String membership) {
    this.files = files;
    this.hierarchies = hierarchies;
    this.membership = membership;
    for (Hierarchy each : hierarchies.job()) {
      each.pathIn(membership)
          .flatMap(each::directory)
          .ifPresent(directory -> groups.add(new Group(each, directory)));
    }
  }

  /** Of a process; ENOENT or ESRCH if it is gone. */
  public static Residence of(CgroupFiles files, Hierarchies hierarchies, int pid)
      throws ErrnoException {
    return new Residence(files, hierarchies, membership(files, pid).orElse(""));
  }

  /**
   * The cgroups of a process by a thread that runs, as v1 shows the root for one that exits; empty
   * if none does.
   */
  static Optional<String> membership(CgroupFiles files, int pid) throws ErrnoException {
    String process = "/proc/" + pid;
    String text = files.read(process + "/cgroup");
    boolean root = text.lines().allMatch(each -> each.startsWith("0::") || each.endsWith(":/"));
    if (text.startsWith("0::") || !root || ProcessKey.running(files.read(process + "/stat"))) {
      return Optional.of(text);
    }
    return ofThread(files, process, any -> true);
  }

  /** The cgroups of the first thread that runs and has such; empty if none has. */
  private static Optional<String> ofThread(
      CgroupFiles files, String process, Predicate<String> such) throws ErrnoException {
    for (String task : files.subdirectories(process + "/task")) {
      try {
        String text = files.read(task + "/cgroup");
        if (such.test(text) && ProcessKey.running(files.read(task + "/stat"))) {
          return Optional.of(text);
        }
      } catch (ErrnoException e) {
        if (!e.isGone()) { // else that thread has ended
          throw e;
        }
      }
    }
    return Optional.empty();
  }

  /**
   * Whether another process lives neither here nor in the group, be it in part, as one that is born
   * while its parent is moved. One that exits does not: v1 shows the root for it.
   */
  public boolean isElsewhere(int pid, JobGroup group) throws ErrnoException {
    return membership(files, pid).stream()
        .anyMatch(
            other ->
                !hierarchies.job().stream()
                    .allMatch(it -> same(it, other) || group.isIn(it, other)));
  }

  private boolean same(Hierarchy hierarchy, String other) {
    return hierarchy.pathIn(other).equals(hierarchy.pathIn(membership));
  }

  /**
   * Why a process with several threads can't be moved as one and back, if it can't; also empty if
   * it is gone, which the proof after the move tells.
   */
  public Optional<String> unmovable(int pid) throws ErrnoException {
    String process = "/proc/" + pid;
    boolean unified = groups.stream().anyMatch(Group::unified);
    try {
      if (unified && !ProcessKey.running(files.read(process + "/stat"))) {
        return Optional.of("its first thread has ended, and v2 would move and list only others");
      }
      return ofThread(
              files, process, it -> !hierarchies.job().stream().allMatch(each -> same(each, it)))
          .map(it -> "its threads live in several cgroups, which a move would collapse");
    } catch (ErrnoException e) {
      if (!e.isGone()) {
        throw e;
      }
      return Optional.empty();
    }
  }

  /** What a mark says, and the user who made its group and may have written anything. */
  public record Job(Mark mark, int user) {}

  /** The job that the process belongs to; one that we belong to ourselves does not count. */
  public Optional<Job> job() throws ErrnoException {
    for (Group each : groups) {
      String top = each.hierarchy().mountPoint();
      String own = each.hierarchy().directory(each.hierarchy().own()).orElse(top) + "/";
      for (String at = each.directory();
          at.length() > top.length() && !own.startsWith(at + "/");
          at = Group.parent(at)) {
        Optional<Mark> mark = mark(at);
        if (mark.isPresent()) {
          return Optional.of(new Job(mark.get(), Libc.stat(at).user()));
        }
      }
    }
    return Optional.empty();
  }

  /** Its mark; none where it is closed to us, as we can move nobody there. */
  private Optional<Mark> mark(String directory) throws ErrnoException {
    try {
      return Mark.read(files, directory);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EACCES) {
        throw e;
      }
      return Optional.empty();
    }
  }

  /**
   * The home of a job inside the residence. On v2 there is none where others live beside the
   * workload: a group that has processes can't hand down controllers. On v1 none for the CPU, where
   * no limit of that is asked for: those beside it would each weigh as much as the whole group.
   *
   * @param base whose jobs' homes are called alike
   * @param tree finds the processes of the workload
   */
  public Home home(Home base, Limits asked, Supplier<Set<Integer>> tree) throws ErrnoException {
    Set<String> wanted = new HashSet<>();
    Mark.asked(asked).forEach(each -> wanted.add(Control.of(each.limit()).controller));
    Map<String, Refusal> missing = new HashMap<>();
    List<Group> places = new ArrayList<>();
    for (Group each : groups) {
      boolean weighs = !each.unified() && each.holds("cpu") && !isPrimary(each);
      if (weighs && Collections.disjoint(wanted, each.hierarchy().controllers())) {
        continue;
      }
      List<Integer> others = each.unified() ? others(each, tree) : List.of();
      if (others.isEmpty()) {
        places.add(each);
      } else {
        Refusal refusal = inhabited(each, others.size());
        each.hierarchy().controllers().forEach(it -> missing.put(it, refusal));
      }
    }
    return base.elsewhere(places, missing);
  }

  /** Whether it has the mark of a job and its lock, which all must find in one place. */
  private boolean isPrimary(Group group) {
    return group.hierarchy().equals(hierarchies.job().get(0));
  }

  /** Who is not of the workload at any look: meanwhile that forks, and its children end. */
  private List<Integer> others(Group group, Supplier<Set<Integer>> tree) throws ErrnoException {
    List<Integer> others = new ArrayList<>(members(group));
    for (int look = 0; look < LOOKS && !others.isEmpty(); look++) {
      others.removeAll(tree.get());
      others.retainAll(members(group));
    }
    return others;
  }

  private Set<Integer> members(Group group) throws ErrnoException {
    Set<Integer> members = new HashSet<>();
    if (!group.hierarchy().isSystemRoot(group.directory())) {
      try {
        String pids = files.read(group.file("cgroup.procs"));
        pids.lines().forEach(pid -> members.add((int) Counters.number(pid).orElse(0)));
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EACCES) { // then no group can be made there, either
          throw e;
        }
      }
    }
    return members;
  }

  /** The innermost service or scope on a cgroup's path; empty if there is none. */
  public static String unit(String path) {
    Matcher unit = UNIT.matcher(path);
    return unit.matches() ? unit.group(1) : "";
  }

  private static Refusal inhabited(Group group, int others) {
    String unit = unit(group.path());
    String cure =
        others
            + " other processes live in its cgroup; limit the whole unit: systemctl set-property"
            + " --runtime "
            + (unit.isEmpty() ? "UNIT" : unit)
            + " CPUQuota=… CPUWeight=… MemoryMax=…";
    return new Refusal(Status.DENIED, group.file("cgroup.procs"), Errno.name(Errno.EBUSY), cure);
  }

  /** Puts a stranger that was moved by mistake to where its parent lives, in those hierarchies. */
  public void takeToParent(int pid, int parent, JobGroup from) throws ErrnoException {
    for (Group each : of(files, hierarchies, parent).groups) {
      if (from.spans(each.hierarchy())) {
        files.write(each.file("cgroup.procs"), Integer.toString(pid));
      }
    }
  }

  /** A mark that tells where the processes came from, for a job that is not inside of it. */
  public Mark left(Mark mark) {
    Map<String, String> origins = new LinkedHashMap<>();
    groups.forEach(each -> origins.put(each.hierarchy().field(), each.path()));
    return mark.origins(origins);
  }

  /** The primary place. */
  @Override
  public String toString() {
    return groups.isEmpty() ? "no cgroup that we see" : groups.get(0).directory();
  }
}
