package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A job's group: on v2 one directory, on v1 one in each hierarchy, the primary first; without a
 * base none at all. It outlives us. Thread-safe.
 */
public final class JobGroup {
  private static final Logger LOG = LoggerFactory.getLogger(JobGroup.class);

  private final CgroupFiles files;
  private final Home home;
  private final String id;
  private final List<Group> homes;
  private final Map<String, Refusal> missing;
  private volatile Set<Group> refused = Set.of();

  /** With why there is no group for a controller, where there is none. */
  JobGroup(
      CgroupFiles files, Home home, String id, List<Group> homes, Map<String, Refusal> missing) {
    this.files = files;
    this.home = home;
    this.id = id;
    this.homes = homes;
    this.missing = missing;
  }

  /** Whether there is a group at all; without one, limits are refused and the rest does nothing. */
  public boolean exists() {
    return !homes.isEmpty();
  }

  /** Where there is none, the errno's name with which it was refused. */
  public Optional<String> errno() {
    return missing.values().stream().map(Refusal::errno).filter(it -> !it.isEmpty()).findFirst();
  }

  /** Whether there is one, of v2. */
  public boolean unified() {
    return exists() && homes.get(0).unified();
  }

  /** Made when asked for: there may be thousands of jobs, and a path is long. */
  List<Group> groups() {
    return homes.stream().map(each -> each.child(id)).toList();
  }

  /** Whether the job has a group in this hierarchy. */
  boolean spans(Hierarchy hierarchy) {
    return homes.stream().anyMatch(each -> each.hierarchy().equals(hierarchy));
  }

  /** The group that carries a limit. */
  Optional<Group> holding(Control control) {
    return groups().stream().filter(each -> each.holds(control.controller)).findFirst();
  }

  /** The limits of its job. */
  public ControlTable limits() {
    return new ControlTable(files, this, home.controllers(), missing);
  }

  /**
   * What there is to tell of a job whose end nobody watched.
   *
   * @throws ErrnoException if a limit can't be read, though it may hold
   */
  public Remains remains(Mark mark) throws ErrnoException {
    Receipt verified = limits().verify(mark);
    Receipt receipt = mark.moved().map(verified::moved).orElse(verified);
    return new Remains(mark, receipt, usage(), oomKilled(), members().size());
  }

  /**
   * Moves a process here: in all hierarchies back to back, as only the first write is slow.
   *
   * @throws ErrnoException the first refusal; the other hierarchies have been tried all the same
   */
  public void place(int pid) throws ErrnoException {
    Optional<ErrnoException> refusal = Optional.empty();
    Set<Group> refusing = new HashSet<>();
    for (Group group : groups()) {
      try {
        files.write(group.file("cgroup.procs"), Integer.toString(pid));
      } catch (ErrnoException e) {
        refusing.add(group);
        refusal = refusal.or(() -> Optional.of(e));
      }
    }
    if (refusal.isPresent()) {
      refused = Set.copyOf(refusing);
      throw refusal.get();
    }
  }

  /** Moves a process to where the first one was placed. */
  public void join(int pid) throws ErrnoException {
    for (Group group : placedIn()) {
      files.write(group.file("cgroup.procs"), Integer.toString(pid));
    }
  }

  private List<Group> placedIn() {
    return groups().stream().filter(each -> !refused.contains(each)).toList();
  }

  /**
   * Puts every process back to where it came from, in each hierarchy where it still lives in the
   * group.
   *
   * @return who could not be put back, or is elsewhere now, and why
   */
  public List<NotMoved> release(Mark mark) {
    note(mark.halfReleased()); // else it is told as moved out if we die on the way
    return exists() ? new Release(files, home, this, mark).all() : List.of();
  }

  /** What became of processes that were moved here, with the cgroup that takes none meanwhile. */
  public Moved barred(Moved moved) {
    return exists() ? home.barred(moved) : moved;
  }

  /** What a group that can't be removed says: it is a job as long as its leader lives in it. */
  public Mark letGo(Mark mark) {
    Set<Integer> left = members(groups());
    boolean living =
        mark.leader()
            .filter(ProcessKey::alive)
            .filter(it -> left.contains(it.pid()) || mayHold(it.pid()))
            .isPresent();
    return living ? mark.disowned() : mark.disowned().ended();
  }

  /** Whether a process lives in the group in any hierarchy, or that can't be told. */
  boolean mayHold(int pid) {
    try {
      String membership = Residence.membership(files, pid).orElse("");
      return groups().stream().anyMatch(each -> each.hosts(membership));
    } catch (ErrnoException e) {
      return !e.isGone();
    }
  }

  /** Whether the primary group took the process. */
  public boolean placedInPrimary() {
    return exists() && !refused.contains(groups().get(0));
  }

  /** Whether no hierarchy refused the process; where one did, the group tells nothing of it. */
  public boolean placed() {
    return refused.isEmpty();
  }

  /** Whether the kernel names the group that carries a limit for a process; false if unknown. */
  public boolean holds(int pid, Limit limit) {
    try {
      String membership = Residence.membership(files, pid).orElse("");
      return holding(Control.of(limit)).filter(it -> it.isIn(membership)).isPresent();
    } catch (ErrnoException e) {
      return false;
    }
  }

  /** Whether a process's memberships name this very group in a hierarchy. */
  boolean isIn(Hierarchy hierarchy, String membership) {
    return groups().stream()
        .anyMatch(it -> it.hierarchy().equals(hierarchy) && it.isIn(membership));
  }

  /** Whether the kernel names this very group for a process, in every hierarchy. */
  public boolean holds(int pid) throws ErrnoException {
    String membership = Residence.membership(files, pid).orElse("");
    return placedIn().stream().allMatch(each -> each.isIn(membership));
  }

  /**
   * Whether somebody else took a process out: it is found elsewhere in some hierarchy. For a
   * process that exits v1 shows the root, which proves nothing.
   */
  public boolean movedOut(int pid) {
    try {
      Optional<String> membership = Residence.membership(files, pid);
      return membership.isPresent()
          && !groups().stream().allMatch(each -> each.hosts(membership.get()));
    } catch (ErrnoException e) {
      return false;
    }
  }

  /**
   * Whether the v2 cgroup that a process died in is there, and lies outside of the group. False
   * also where it is not found: one that was removed meanwhile may have lain within. Always false
   * on v1.
   */
  public boolean isOutside(long cgroup) {
    if (!unified()) {
      return false;
    }
    Group own = groups().get(0);
    Group top = new Group(own.hierarchy(), own.hierarchy().mountPoint());
    return subtree(own)
        .find(cgroup)
        .or(() -> subtree(top).find(cgroup))
        .filter(it -> !own.contains(it.path()))
        .isPresent();
  }

  /** A descriptor of the primary directory, for a child to be born in; the caller closes it. */
  public int open() throws ErrnoException {
    return files.open(toString());
  }

  /** On v2 a descriptor that shows EPOLLPRI when the group empties; the caller closes it. */
  public OptionalInt openEvents() throws ErrnoException {
    return unified() ? OptionalInt.of(files.openEvents(toString())) : OptionalInt.empty();
  }

  /** The kernel's counters, read now. */
  public ResourceUsage usage() {
    return Counters.of(files, placedIn());
  }

  /** Why the kernel killed a process of the group for want of memory, if it did. */
  public Optional<OomCause> oomKilled() {
    return holding(Control.MEMORY_MAX)
        .filter(group -> !refused.contains(group))
        .flatMap(group -> new Counters(files, group).oomKilled());
  }

  /**
   * The processes in the group and beneath it, as far as our pid namespace has numbers for them.
   */
  public List<Integer> members() {
    return List.copyOf(members(groups().stream().limit(1).toList()));
  }

  /** The processes in and beneath these of its directories. */
  Set<Integer> members(List<Group> where) {
    Set<Integer> found = new LinkedHashSet<>();
    where.forEach(each -> found.addAll(subtree(each).members()));
    return found;
  }

  private Subtree subtree(Group group) {
    return new Subtree(files, group);
  }

  /** Whether a process lives in the group or beneath it; true also where that can't be read. */
  public boolean populated() {
    return groups().stream().anyMatch(each -> subtree(each).populated());
  }

  /** Kills the whole group where the kernel does that at once: v2, from Linux 5.14 on. */
  public boolean killAll() throws ErrnoException {
    return unified() && Call.unless(Errno.ENOENT, () -> files.write(this + "/cgroup.kill", "1"));
  }

  /**
   * Removes the group where no process lives, the primary last; true once it is gone. It stays as
   * long as a job lies beneath whose end was told nobody.
   */
  public boolean remove() {
    List<Group> groups = groups();
    boolean gone = groups.isEmpty() || !subtree(groups.get(0)).hasJobs();
    for (int i = groups.size() - 1; i >= 0 && gone; i--) {
      gone = subtree(groups.get(i)).remove();
    }
    if (gone) {
      home.tidy();
    }
    return gone;
  }

  /** Ours bears no other owner that lives; it may lack the leader, which could not be noted. */
  private static boolean isAnothers(Mark found, Mark mark) {
    return found.liveOwner().filter(it -> !it.equals(ProcessKey.self())).isPresent()
        || found.leader().filter(it -> !mark.leader().equals(Optional.of(it))).isPresent();
  }

  /**
   * Whether it was removed by somebody else, and made anew for another job of the same id, as far
   * as its mark tells.
   *
   * @param mark the bytes that it should bear
   */
  public boolean isAnothers(byte[] mark) {
    try {
      Optional<byte[]> found = exists() ? files.mark(toString()) : Optional.empty();
      return found
          .filter(it -> !Arrays.equals(it, mark))
          .flatMap(Mark::parse)
          .filter(it -> it.isOf(toString()))
          .filter(it -> isAnothers(it, Mark.parse(mark).orElse(Mark.BLANK)))
          .isPresent();
    } catch (ErrnoException notTold) {
      return false;
    }
  }

  /** {@link Leftovers#discard}: true once it is gone, or somebody else's. */
  public boolean discard(boolean wait) {
    return home.leftovers().discard(this, wait);
  }

  /** Rewrites the mark. */
  public void mark(Mark mark) throws ErrnoException {
    if (exists()) {
      files.mark(toString(), mark.encode());
    }
  }

  /** Rewrites the mark where that can be done: what whoever finds the group shall know of it. */
  public void note(Mark mark) {
    try {
      mark(mark);
    } catch (ErrnoException e) {
      LOG.debug("{} keeps its old mark", this, e);
    }
  }

  /** The primary directory. */
  @Override
  public String toString() {
    return exists() ? homes.get(0).file(id) : "no group";
  }
}
