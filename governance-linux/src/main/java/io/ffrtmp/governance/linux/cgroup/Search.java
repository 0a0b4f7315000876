package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Looks for groups of jobs: in the base, and everywhere else, as those of attached processes are
 * where these live.
 */
public final class Search {
  /**
   * A group that was found.
   *
   * @param refusal why it is not to be touched; empty if it may be
   */
  public record Found(String directory, Home home, Optional<Mark> mark, String refusal) {
    /** The name of the directory, which is the job's id. */
    public String id() {
      return directory.substring(directory.lastIndexOf('/') + 1);
    }
  }

  private final CgroupFiles files;
  private final Hierarchies hierarchies;
  private final Base base;
  private final List<Found> found = new ArrayList<>();

  private Search(CgroupFiles files, Hierarchies hierarchies, Base base) {
    this.files = files;
    this.hierarchies = hierarchies;
    this.base = base;
  }

  /** All groups of this governor's base, and those of attached processes anywhere. */
  public static List<Found> all(CgroupFiles files, Hierarchies hierarchies, Base base) {
    Search search = new Search(files, hierarchies, base);
    hierarchies.job().forEach(each -> search.walk(each, each.mountPoint()));
    return search.found;
  }

  private void walk(Hierarchy hierarchy, String directory) {
    boolean home = directory.endsWith("/" + base.home().name());
    try {
      for (String each : files.subdirectories(directory)) {
        walk(hierarchy, each); // first, so that a job is told of before the one that it was in
        if (home) {
          lookOrTell(hierarchy, each);
        }
      }
      if (home && !base.home().isAt(directory) && maker(directory) == Libc.geteuid()) {
        files.rmdir(directory); // EBUSY if a job is in it; else its governor died on the way
      }
    } catch (ErrnoException goneOrHidden) {
      return;
    }
  }

  /** One that goes away meanwhile, or can't be looked at, hides no other. */
  private void lookOrTell(Hierarchy hierarchy, String directory) {
    try {
      look(hierarchy, directory);
    } catch (ErrnoException e) {
      if (Libc.access(directory, Libc.F_OK) == 0) {
        String refusal = "its mark can't be read: " + e.getMessage();
        found.add(new Found(directory, base.home(), Optional.empty(), refusal));
      }
    }
  }

  /** Whether a directory is that of a job that we or our like started, or lies beneath it. */
  static boolean inStartedJob(CgroupFiles files, Hierarchy hierarchy, String directory) {
    for (String at = directory;
        at.length() > hierarchy.mountPoint().length();
        at = Group.parent(at)) {
      try {
        Optional<Mark> mark = Mark.read(files, at);
        if (mark.filter(it -> it.mode() == Mode.RUN).isPresent() && maker(at) == Libc.geteuid()) {
          return true;
        }
      } catch (ErrnoException notToldToUs) {
        continue;
      }
    }
    return false;
  }

  private static int maker(String directory) throws ErrnoException {
    return Libc.stat(directory).user();
  }

  private void look(Hierarchy hierarchy, String directory) throws ErrnoException {
    Optional<byte[]> bytes = files.mark(directory);
    Optional<Mark> mark = bytes.flatMap(Mark::parse);
    boolean inBase = base.home().holds(directory);
    boolean elsewhere =
        mark.filter(it -> it.mode() == Mode.RUN).isPresent()
            && !inBase
            && !inStartedJob(files, hierarchy, Group.parent(Group.parent(directory)));
    boolean primary = hierarchy.equals(hierarchies.job().get(0));
    if (elsewhere || (bytes.isEmpty() && !inBase && !(primary && unmarkedStays(directory)))) {
      return; // another base's job, or the part of a job that has its mark in another hierarchy
    }
    Home home = inBase ? base.home() : mark.map(this::home).orElse(base.home());
    found.add(
        new Found(directory, home, mark, refusal(new Group(hierarchy, directory), home, mark)));
  }

  /**
   * Removes it if its governor died before it marked it: nothing is in it, and nobody holds the
   * home. True if processes live in it.
   */
  @SuppressWarnings("try") // the lock is held, not used
  private boolean unmarkedStays(String directory) throws ErrnoException {
    String home = Group.parent(directory);
    try (CgroupFiles.Lock held = files.lock(home, false)) {
      if (maker(directory) == Libc.geteuid() && files.mark(directory).isEmpty()) {
        files.rmdir(directory);
      }
    } catch (ErrnoException e) {
      return e.errno() == Errno.EBUSY && !files.read(directory + "/cgroup.procs").isEmpty();
    }
    return false;
  }

  /** Where an attached process's job lives, by its mark. */
  private Home home(Mark mark) {
    List<Group> places = new ArrayList<>();
    for (Hierarchy each : hierarchies.job()) {
      mark.place(each)
          .flatMap(each::directory)
          .filter(it -> Libc.access(it, Libc.F_OK) == 0)
          .ifPresent(it -> places.add(new Group(each, it)));
    }
    return base.home().elsewhere(places, Map.of());
  }

  private String refusal(Group group, Home home, Optional<Mark> mark) {
    try {
      int owner = maker(group.directory());
      if (owner != Libc.geteuid()) {
        return "user " + owner + " made it: recover as that user";
      }
    } catch (ErrnoException gone) {
      return "it is gone";
    }
    String job = mark.filter(it -> home.exists()).map(it -> home.group(it.id()) + "").orElse("");
    if (group.directory().equals(job)) {
      return "";
    }
    return new Subtree(files, group).populated()
        ? "it bears no mark that we know, and processes live in it: recover with the version that"
            + " made it, or undo it by hand (docs/attach.md)"
        : "it bears no mark that we know: look at it, and remove it by rmdir";
  }
}
