package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What governors left in a home that are gone, or let go of it: an empty group is removed, and what
 * it has to tell is kept; a job that goes on is taken over. The home is locked while whose a group
 * is gets decided, so that nobody makes or claims it meanwhile. Thread-safe.
 */
public final class Leftovers {
  private static final Logger LOG = LoggerFactory.getLogger(Leftovers.class);

  private final CgroupFiles files;
  private final Home home;

  /** Of jobs here and in the homes elsewhere whose groups were removed. */
  final Queue<Remains> untold;

  Leftovers(CgroupFiles files, Home home, Queue<Remains> untold) {
    this.files = files;
    this.home = home;
    this.untold = untold;
  }

  /** What is left to be told of jobs whose groups were removed after nobody watched them. */
  public List<Remains> remains() {
    List<Remains> all = new ArrayList<>();
    for (Remains each = untold.poll(); each != null; each = untold.poll()) {
      all.add(each);
    }
    return all;
  }

  /**
   * Removes a group that is empty and nobody's, while nobody can make one.
   *
   * @param unknown whether the end of a job that it held is told nobody yet
   */
  @SuppressWarnings("try") // the lock is held, not used
  void reclaim(String id, boolean wait, boolean unknown) throws ErrnoException {
    JobGroup group = home.group(id);
    String primary = group.toString();
    try (CgroupFiles.Lock held = files.lock(home.directory(), wait)) {
      Optional<byte[]> bytes = files.mark(primary);
      Optional<Mark> mark = bytes.flatMap(Mark::parse).filter(it -> it.isOf(primary));
      Optional<ProcessKey> owner = mark.flatMap(Mark::liveOwner);
      if (bytes.isPresent() && mark.isEmpty()) {
        throw Home.inUse(id, primary, "its mark is none that we know");
      }
      if (owner.isPresent()) {
        throw Home.inUse(id, primary, "process " + owner.get().pid() + " governs it");
      }
      Optional<ProcessKey> leader = mark.flatMap(Mark::leader);
      if (unknown && leader.filter(ProcessKey::alive).isPresent()) {
        throw Home.inUse(id, primary, goesOn(group, leader.get().pid()));
      }
      boolean tell = unknown && leader.isPresent() && !group.populated();
      Optional<Remains> left = tell ? Optional.of(group.remains(mark.get())) : Optional.empty();
      if (!group.remove()) {
        boolean below = !group.populated();
        String why = below ? "jobs lie beneath it: recover() tells" : "processes live in it";
        throw Home.inUse(id, primary, why);
      }
      left.ifPresent(untold::add); // now, as each later attempt would find it again
    }
  }

  private static String goesOn(JobGroup group, int leader) {
    return group.mayHold(leader)
        ? "process " + leader + " goes on in it, ungoverned: recover() takes it over"
        : "its process " + leader + " lives elsewhere: recover() tells";
  }

  /**
   * Takes a job over, if it has a known mark and nobody who lives owns it.
   *
   * @return what its mark says, owned by us now; or why not
   */
  @SuppressWarnings("try") // the lock is held, not used
  public Claim claim(String id) {
    String primary = home.group(id).toString();
    try (CgroupFiles.Lock held = home.lock()) {
      Optional<Mark> mark = Mark.read(files, primary);
      Optional<ProcessKey> owner = mark.flatMap(Mark::liveOwner);
      if (mark.isEmpty()) {
        return Claim.refused("it bears no mark that we know");
      } else if (owner.isPresent()) {
        return Claim.refused("process " + owner.get().pid() + " governs it");
      }
      Mark claimed = mark.get().claimed();
      files.mark(primary, claimed.encode());
      return new Claim(Optional.of(claimed), "");
    } catch (ErrnoException e) {
      return Claim.refused(e.getMessage());
    }
  }

  /** A job's mark if it is ours now, else why not. */
  public record Claim(Optional<Mark> mark, String refusal) {
    static Claim refused(String reason) {
      return new Claim(Optional.empty(), reason);
    }
  }

  /**
   * Removes a group that its owner let go of. False if that has to be tried again later; true also
   * if somebody owns a group of this id by now.
   *
   * @param wait whether to wait for whoever holds the home
   */
  boolean discard(JobGroup group, boolean wait) {
    String primary = group.toString();
    try {
      reclaim(primary.substring(primary.lastIndexOf('/') + 1), wait, false);
      return true;
    } catch (JobIdInUseException | ErrnoException e) {
      LOG.debug("{}: not removed", primary, e);
    }
    try {
      return Mark.read(files, primary).flatMap(Mark::liveOwner).isPresent();
    } catch (ErrnoException e) {
      return e.errno() == Errno.ENOENT;
    }
  }

  /** Removes groups that are empty and nobody's: their governors died, or let go of them. */
  public void clean() {
    if (!home.exists()) {
      return;
    }
    try {
      String top = home.directory();
      for (String each : files.subdirectories(top)) {
        try {
          reclaim(each.substring(top.length() + 1), false, true);
        } catch (ErrnoException | JobIdInUseException e) {
          LOG.debug("{} is left alone", each, e);
        }
      }
    } catch (ErrnoException e) {
      LOG.debug("{}: nothing there to clean", home, e);
    }
    home.tidy();
  }
}
