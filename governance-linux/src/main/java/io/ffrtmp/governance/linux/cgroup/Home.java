package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories that hold jobs' groups: one {@code <place>/<name>} in each hierarchy, the primary
 * first. Governors may share a home; they agree by flock(2) on the primary directory. Thread-safe.
 */
public final class Home {
  private static final Logger LOG = LoggerFactory.getLogger(Home.class);

  /** How often others may come in between; what they do there takes microseconds. */
  private static final int ATTEMPTS = 1_000;

  private final CgroupFiles files;
  private final String name;
  private final List<Group> homes;
  private final boolean lasting;
  private final Map<String, Refusal> missing;
  private final Controllers controllers;
  private final Leftovers leftovers;
  private volatile boolean prepared;

  private Home(
      CgroupFiles files,
      String name,
      List<Group> places,
      boolean lasting,
      Map<String, Refusal> missing,
      Queue<Remains> untold) {
    this.files = files;
    this.name = name;
    this.homes = places.stream().map(place -> place.child(name)).toList();
    this.lasting = lasting;
    this.missing = missing;
    this.controllers = new Controllers(files, homes);
    this.leftovers = new Leftovers(files, this, untold);
  }

  /**
   * The home of a base: it is kept when no job is left in it, and has its controllers before there
   * is one.
   *
   * @param missing for each controller why it can't be had, where no place holds it
   */
  static Home ofBase(
      CgroupFiles files, String name, List<Group> places, Map<String, Refusal> missing) {
    return new Home(files, name, places, true, missing, new ConcurrentLinkedQueue<>());
  }

  /**
   * One of the same name in other places, where jobs are attached to: it goes with its last job.
   * What is left to be told of its jobs is told with what is left of ours.
   *
   * @param more why other controllers than here can't be had
   */
  Home elsewhere(List<Group> places, Map<String, Refusal> more) {
    Map<String, Refusal> reasons = more.isEmpty() ? missing : and(more);
    return new Home(files, name, places, false, reasons, leftovers.untold);
  }

  /** How such homes are called, wherever they are. */
  String name() {
    return name;
  }

  /** Whether there is a place at all. */
  public boolean exists() {
    return !homes.isEmpty();
  }

  /** The directory that is locked. */
  String directory() {
    return homes.get(0).directory();
  }

  /** Holds a home that exists, against all governors that share it, until this is closed. */
  public CgroupFiles.Lock lock() throws ErrnoException {
    return files.lock(directory(), true);
  }

  /** Whether a primary directory is one of a job in this home. */
  boolean holds(String group) {
    return exists() && Group.parent(group).equals(directory());
  }

  /** Whether this is one of its directories. */
  boolean isAt(String directory) {
    return homes.stream().anyMatch(home -> home.directory().equals(directory));
  }

  /** A job's group, whether it is there or not. */
  public JobGroup group(String id) {
    return job(id, homes, missing);
  }

  private JobGroup job(String id, List<Group> where, Map<String, Refusal> reasons) {
    return new JobGroup(files, this, id, where, reasons);
  }

  /** What governors left here that are gone, or let go of it. */
  public Leftovers leftovers() {
    return leftovers;
  }

  /** The mark of a job that is started here, owned by this process; without a home it is blank. */
  public Mark mark(String id, Optional<String> intent, Limits limits) {
    return exists() ? placed(Mark.of(id, Mode.RUN, intent, limits)) : Mark.BLANK;
  }

  /** A mark that tells where this home is, as every mark here must. */
  public Mark placed(Mark mark) {
    Map<String, String> places = new LinkedHashMap<>();
    for (Group home : homes) {
      places.put(home.hierarchy().field(), home.hierarchy().path(home.parent()));
    }
    return mark.places(places);
  }

  /**
   * Takes controllers back before the last job leaves, where nobody had them before it came. Who
   * makes a group meanwhile waits, and enables them anew.
   */
  @SuppressWarnings("try") // the lock is held, not used
  void withdraw(JobGroup last) {
    if (lasting || homes.stream().noneMatch(Group::unified)) {
      return;
    }
    try (CgroupFiles.Lock held = lock()) {
      if (files.subdirectories(directory()).equals(List.of(last.toString()))) {
        controllers.withdraw();
      }
    } catch (ErrnoException e) {
      LOG.debug("{}: controllers stay", this, e);
    }
  }

  /** What became of processes, with the place that they came from if it takes none now. */
  Moved barred(Moved moved) {
    Optional<String> place = lasting ? Optional.empty() : controllers.barred();
    return place.map(moved::barredCgroup).orElse(moved);
  }

  Controllers controllers() {
    return controllers;
  }

  /**
   * Makes a job's group and marks it. One of the same id that is empty and nobody's goes first.
   *
   * @throws JobIdInUseException if a group of this id exists, and is no such leftover
   * @throws ErrnoException if the primary directory can't be made; nothing is left of it then
   */
  public JobGroup create(String id, Mark mark) throws ErrnoException {
    for (int attempt = 1; exists(); attempt++) {
      try {
        boolean ready = prepared;
        if (!ready) {
          make(directory());
        }
        if (makePrimary(id, mark)) {
          JobGroup made = makeOthers(id);
          if (lasting && !ready) { // once a job is there no other governor removes the home
            controllers.enable();
            prepared = true;
          }
          return made;
        }
        leftovers.reclaim(id, true, true); // the id was one's, which is gone now
      } catch (ErrnoException e) {
        prepared = false;
        if (e.errno() != Errno.ENOENT || attempt == ATTEMPTS) { // another governor's close()
          tidy();
          throw e;
        }
        Thread.yield();
      }
    }
    return group(id);
  }

  /** No group, as none could be made: each limit is refused for that reason. */
  public JobGroup none(ErrnoException e) {
    Map<String, Refusal> reasons = new HashMap<>();
    missing.keySet().forEach(each -> reasons.put(each, Refusal.of(e, directory(), each)));
    return job("", List.of(), reasons);
  }

  private boolean make(String directory) throws ErrnoException {
    return Call.unless(Errno.EEXIST, () -> files.mkdir(directory));
  }

  /** Makes and marks the primary, before anybody may look whose it is; false if it exists. */
  private boolean makePrimary(String id, Mark mark) throws ErrnoException {
    String primary = homes.get(0).file(id);
    try (CgroupFiles.Lock home = files.lock(directory(), true)) {
      boolean made = Call.unless(Errno.EEXIST, () -> home.mkdir(id));
      if (made) {
        try {
          files.mark(primary, mark.encode());
        } catch (ErrnoException e) {
          files.rmdir(primary);
          throw e;
        }
      }
      return made;
    }
  }

  /**
   * Makes the directories beside the primary. One that had no primary is nobody's; one that can't
   * be made costs the limits of its own hierarchy, and no others.
   */
  private JobGroup makeOthers(String id) throws ErrnoException {
    List<Group> made = new ArrayList<>(homes.subList(0, 1));
    Map<String, Refusal> reasons = new HashMap<>();
    for (Group home : homes.subList(1, homes.size())) {
      try {
        if (!makeBelow(home, id)) {
          if (!job(id, List.of(home), missing).remove()) {
            job(id, made, missing).remove();
            throw inUse(id, home.file(id), "processes live in it");
          }
          makeBelow(home, id);
        }
        made.add(home);
      } catch (ErrnoException e) {
        LOG.warn("job {} goes without {}", id, home.file(id), e);
        for (String controller : home.hierarchy().controllers()) {
          reasons.put(controller, Refusal.of(e, home.file(id), controller));
        }
      }
    }
    return reasons.isEmpty() ? group(id) : job(id, made, and(reasons));
  }

  /** Why controllers can't be had, for these reasons and more. */
  private Map<String, Refusal> and(Map<String, Refusal> more) {
    Map<String, Refusal> all = new HashMap<>(missing);
    all.putAll(more);
    return all;
  }

  /** Makes a directory, and the home above it if need be; false if it was there. */
  private boolean makeBelow(Group home, String id) throws ErrnoException {
    for (int attempt = 1; ; attempt++) {
      if (!lasting || attempt > 1) { // where a job is attached to, it is mostly the first there
        make(home.directory());
      }
      try {
        return make(home.file(id));
      } catch (ErrnoException e) {
        if (e.errno() != Errno.ENOENT || attempt == ATTEMPTS) { // another governor's close()
          throw e;
        }
      }
    }
  }

  static JobIdInUseException inUse(String id, String directory, String why) {
    return new JobIdInUseException(
        "job id '" + id + "' is in use at " + directory + ", " + why + "; use another id");
  }

  /** Takes the home back after its last job, unless it lasts; what can't be removed stays. */
  void tidy() {
    try {
      if (!lasting) {
        remove();
        controllers.withdrawFromPlace();
      }
    } catch (ErrnoException e) {
      LOG.debug("{}: left as it is", this, e);
    }
  }

  /**
   * Removes the directories, none of which may hold a job any more.
   *
   * @throws ErrnoException EBUSY if a job is left; the directories of the other hierarchies stay
   */
  void remove() throws ErrnoException {
    prepared = false;
    for (Group home : homes) {
      Call.unless(Errno.ENOENT, () -> files.rmdir(home.directory()));
    }
  }

  @Override
  public String toString() {
    return exists() ? directory() : "no home";
  }
}
