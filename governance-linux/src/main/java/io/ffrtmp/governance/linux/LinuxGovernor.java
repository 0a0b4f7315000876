package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.HostReport;
import io.ffrtmp.governance.HostUnsupportedException;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.Adopt.Adopted;
import io.ffrtmp.governance.linux.GovernedJob.Beginning;
import io.ffrtmp.governance.linux.cgroup.Base;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Hierarchies;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.cgroup.Search;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Spawn;
import io.ffrtmp.governance.linux.observe.Watcher;
import io.ffrtmp.governance.linux.process.Identity;
import io.ffrtmp.governance.linux.process.SpawnException;
import io.ffrtmp.governance.linux.process.Spawner;
import io.ffrtmp.governance.linux.process.Spawner.Spawned;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The governor for Linux, opened by {@link #builder()}.
 *
 * <p>It owns one daemon thread that watches, a pool of at most four daemon threads that conclude
 * jobs, at most one that removes groups whose home somebody holds, and one descriptor for each job;
 * never a workload. What hangs on futures of jobs runs on daemon threads of its own, as many as
 * block at once. After {@link #close()} the watching thread stays until the last child that was
 * detached has ended, only to reap it, and until the last group that lingers is empty, to remove
 * it.
 *
 * <p>Thread-safe, and fit for virtual threads.
 */
public final class LinuxGovernor implements Governor {
  private static final Logger LOG = LoggerFactory.getLogger(LinuxGovernor.class);
  private static final int RESULT_THREADS = 4;

  private final CgroupFiles files;
  private final Hierarchies hierarchies;
  private final Base base;
  private final Spawner spawner = new Spawner();
  private final Watcher watcher;
  private final Linger linger;
  private final Conclude conclude;
  private final Observer observer;
  private final Adopt adopt;
  private final AtomicBoolean canBeBorn;
  private final Set<String> ids = ConcurrentHashMap.newKeySet();
  private final Map<String, GovernedJob> jobs = new ConcurrentHashMap<>();
  private final ReentrantReadWriteLock opened = new ReentrantReadWriteLock();
  private volatile boolean closed;
  private volatile Optional<HostReport> host = Optional.empty();

  private LinuxGovernor(Builder builder) throws ErrnoException {
    files = builder.files;
    hierarchies = Hierarchies.read(builder.files);
    base =
        Base.find(
            builder.files, hierarchies, Optional.ofNullable(builder.base), builder.directoryName);
    if (builder.base != null && !base.home().exists() && !hierarchies.job().isEmpty()) {
      LOG.warn("base {} is a cgroup in no hierarchy here: jobs get no groups", builder.base);
    }
    watcher = new Watcher("governance-watcher");
    linger = new Linger(watcher, Threads.atMost(1, "governance-removal-"), this::tidy);
    conclude = new Conclude(List.copyOf(builder.listeners), this::unregister, linger);
    Threads results = Threads.atMost(RESULT_THREADS, "governance-result-");
    Threads consumers = Threads.asManyAsBlock("governance-consumer-");
    observer = new Observer(jobs, watcher, results, conclude, linger, consumers);
    adopt = new Adopt(files, hierarchies, base, linger);
    if (builder.becomeLeaf) {
      base.becomeLeaf(Builder.LEAF);
    }
    base.home().leftovers().clean();
    canBeBorn = new AtomicBoolean(base.bornInside() && Spawn.canSetCgroup());
  }

  /** What to open a governor with; {@link Builder#open()} opens it. */
  public static Builder builder() {
    return new Builder();
  }

  /** What this host can do, without any side effect; works also where no governor can be opened. */
  public static HostReport probe() {
    return HostProbe.report(Optional.empty(), Builder.DEFAULT_NAME);
  }

  @Override
  public JobResult run(Workload workload) throws InterruptedException {
    return start(workload).await();
  }

  @Override
  public StartedJob start(Workload workload) {
    return begin(workload.jobId(), id -> start(workload, id));
  }

  /** While this governor can't be closed. */
  private <T> T open(Supplier<T> action) {
    opened.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("this governor is closed");
      }
      return action.get();
    } finally {
      opened.readLock().unlock();
    }
  }

  private <T> T begin(Optional<String> asked, Function<String, T> beginning) {
    return open(
        () -> {
          String id = asked.orElseGet(LinuxGovernor::generatedId);
          if (!ids.add(id)) {
            throw new JobIdInUseException(
                "job id '" + id + "' is in use in this governor; use another");
          }
          try {
            return beginning.apply(id);
          } catch (RuntimeException | Error e) {
            ids.remove(id);
            throw e;
          }
        });
  }

  private StartedJob start(Workload workload, String id) {
    Instant time = Instant.now();
    long nanos = System.nanoTime();
    Mark mark = base.home().mark(id, workload.intent(), workload.limits());
    @Nullable JobGroup group = null;
    @Nullable Start start = null;
    try {
      Spawner.Prepared prepared = spawner.prepare(workload);
      group = group(id, mark);
      start = new Start(workload, group, mark, canBeBorn);
      Spawned spawned = start.spawn(prepared);
      OptionalLong pid = OptionalLong.of(spawned.pid());
      JobStart facts = JobStart.of(id, pid, Mode.RUN, workload.intent(), time);
      Receipt receipt = start.receipt();
      LinuxStartedJob job =
          new LinuxStartedJob(
              new Beginning(facts, nanos, group, start.mark(), receipt, spawned.pidfd(), observer),
              true,
              spawned.inheritedPipes());
      observer.watchChild(job);
      return job;
    } catch (SpawnException e) {
      if (group != null) {
        linger.remove(group, () -> mark.disowned().ended());
      }
      JobStart facts = JobStart.of(id, OptionalLong.empty(), Mode.RUN, workload.intent(), time);
      Receipt receipt = start == null ? Receipt.EMPTY : start.receipt();
      throw failed(facts, nanos, e.failure(), receipt);
    } catch (RuntimeException | Error e) { // none is expected: no group of it stays with us
      if (group != null) {
        linger.remove(group, () -> mark.disowned().ended());
      }
      throw e;
    }
  }

  /** A job that can't have a group runs all the same: its limits' outcomes tell why. */
  private JobGroup group(String id, Mark mark) {
    try {
      return base.home().create(id, mark);
    } catch (ErrnoException e) {
      LOG.warn("job {} has no group", id, e);
      return base.home().none(e);
    }
  }

  private StartFailedException failed(
      JobStart facts, long nanos, StartFailure failure, Receipt receipt) {
    JobResult result = conclude.neverStarted(facts, nanos, failure, receipt);
    return new StartFailedException("job " + facts.jobId() + ": " + failure.message(), result);
  }

  @Override
  public AttachedJob attach(Attachment attachment) {
    return begin(attachment.jobId(), id -> attach(attachment, id));
  }

  private LinuxAttachedJob attach(Attachment attachment, String id) {
    if (jobs.values().stream().anyMatch(job -> job.pid() == attachment.pid() && !job.over())) {
      throw new AttachRefusedException(
          AttachRefusedException.Reason.ALREADY_GOVERNED,
          "process " + attachment.pid() + " is watched by this governor: see jobs()");
    }
    Instant time = Instant.now();
    long nanos = System.nanoTime();
    Adopted adopted = adopt.attach(attachment, id);
    OptionalLong pid = OptionalLong.of(attachment.pid());
    JobStart facts = JobStart.of(id, pid, Mode.ATTACH, attachment.intent(), time);
    LinuxAttachedJob job =
        new LinuxAttachedJob(
            new Beginning(
                facts,
                nanos,
                adopted.group(),
                adopted.mark(),
                adopted.receipt(),
                Optional.of(adopted.pidfd()),
                observer));
    try {
      observer.watch(job);
    } catch (ErrnoException e) {
      adopt.undo(adopted);
      throw Identity.refused((int) job.pid(), e);
    }
    return job;
  }

  @Override
  public Recovery recover() {
    return open(
        () -> {
          List<Capability> found = hierarchies.capabilities();
          if (hierarchies.job().isEmpty()) {
            return Recovery.of(List.of(), List.of(), List.of(), found);
          }
          base.home().leftovers().clean();
          Recover recover = new Recover(ids, conclude, observer, linger);
          return recover.all(base.home(), Search.all(files, hierarchies, base));
        });
  }

  private void unregister(GovernedJob job) {
    jobs.remove(job.id(), job);
    ids.remove(job.id());
  }

  @Override
  public List<Job> jobs() {
    return jobs.values().stream().map(Job.class::cast).toList();
  }

  @Override
  public HostReport host() {
    HostReport report = host.orElseGet(() -> HostProbe.report(base));
    host = Optional.of(report);
    return report;
  }

  @Override
  public void close() {
    if (opened.getReadHoldCount() > 0) {
      throw new IllegalStateException(
          "a listener that is told of a start can't close its governor");
    }
    opened.writeLock().lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
    } finally {
      opened.writeLock().unlock();
    }
    jobs.values().forEach(GovernedJob::detach);
    linger.sweep();
    watcher.close();
    base.close();
  }

  /** The last group may outlive us. */
  private void tidy() {
    if (closed) {
      base.tidy();
    }
  }

  private static String generatedId() {
    long number = ThreadLocalRandom.current().nextLong(Long.MAX_VALUE);
    return "job-" + Long.toString(number, Character.MAX_RADIX);
  }

  /** What a governor is opened with. Not thread-safe. */
  public static final class Builder {
    static final String DEFAULT_NAME = "ffrtmp";
    static final String LEAF = "supervisor";

    private final List<JobListener> listeners = new ArrayList<>();
    private CgroupFiles files = CgroupFiles.kernel();
    private @Nullable String base;
    private String directoryName = DEFAULT_NAME;
    private boolean becomeLeaf;

    private Builder() {}

    /** Tells this listener of every observation. May be called for several. */
    public Builder listener(JobListener listener) {
      listeners.add(Objects.requireNonNull(listener, "listener"));
      return this;
    }

    /**
     * The cgroup beneath which jobs get their groups, by its path as {@code /proc/self/cgroup}
     * shows paths, the same in each hierarchy. Default: our own cgroup if it is delegated to us;
     * else, with privilege, the root of each hierarchy, or our own cgroup where we are part of a
     * job; else jobs get no group. Nor do they where the path is no cgroup: each limit is then
     * refused, and {@link Governor#host()} says so.
     */
    public Builder base(String cgroup) {
      Path path = Path.of(cgroup).normalize();
      if (!path.isAbsolute()) {
        throw new IllegalArgumentException("base '" + cgroup + "' is no absolute path of a cgroup");
      }
      base = path.toString();
      return this;
    }

    /**
     * The name of the directory, beneath the base, that holds the jobs' groups. Default: {@code
     * ffrtmp}.
     *
     * @throws IllegalArgumentException if it could not be a job's id either
     */
    public Builder directoryName(String name) {
      try {
        JobStart.of(name, OptionalLong.empty(), Mode.RUN, Optional.empty(), Instant.EPOCH);
      } catch (IllegalArgumentException e) {
        String why = String.valueOf(e.getMessage());
        throw new IllegalArgumentException(why.replaceFirst("job id", "directory name"));
      }
      directoryName = name;
      return this;
    }

    /**
     * Whether this process, and nothing else, may be moved into a sub-cgroup {@code supervisor} of
     * its own delegated cgroup, if it is alone there: without that, cgroup v2 gives jobs no
     * controllers (no inner processes). Undone at close when no group is left but that one.
     * Default: no; better is {@code DelegateSubgroup=} of systemd 254 or later.
     */
    public Builder becomeLeaf(boolean allowed) {
      becomeLeaf = allowed;
      return this;
    }

    /** The seam to cgroup files, for tests that inject faults. */
    Builder files(CgroupFiles seam) {
      files = seam;
      return this;
    }

    /**
     * Opens a governor. Empty groups that dead governors left beneath the base are removed.
     *
     * @throws HostUnsupportedException if that is impossible here; its report names the reason
     */
    public Governor open() {
      Optional<Capability> blocking = HostProbe.blocking();
      if (blocking.isPresent()) {
        throw unsupported(blocking.get());
      }
      try {
        return new LinuxGovernor(this);
      } catch (ErrnoException e) {
        String cure = "raise the limit of descriptors or processes, or free memory, and open again";
        throw unsupported(
            Capability.of("governor", Capability.State.BLOCKING, e.getMessage()).cure(cure));
      }
    }

    private static HostUnsupportedException unsupported(Capability blocking) {
      String cure = blocking.cure().map(each -> "; cure: " + each).orElse("");
      return new HostUnsupportedException(
          blocking.name() + ": " + blocking.detail() + cure, HostProbe.blocked(blocking));
    }
  }
}
