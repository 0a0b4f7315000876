package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What only v2 has: controllers that are handed down, and groups that must be leaves. */
@Tag("kernel")
class UnifiedKernelTest {
  private static final Limits LIMITS = Limits.NONE.cpuWeight(50).memoryMaxBytes(64 << 20);

  private final CgroupHost host = new CgroupHost();
  private final CgroupFiles files = CgroupFiles.kernel();

  @BeforeEach
  void needsUnified() {
    assumeTrue(host.unified(), "cgroup v2 holds no controllers here");
  }

  @AfterEach
  void leaveNothing() throws Exception {
    host.close();
  }

  private Base beneath(JobGroup group) {
    return Base.find(files, host.hierarchies, Optional.of(group.toString()), "ffrtmp");
  }

  private static String handedDown(Object directory) throws Exception {
    return Files.readString(Path.of(directory + "/cgroup.subtree_control")).strip();
  }

  @Test
  void close_configuredBase_handsBackWhatItEnabled() throws Exception {
    JobGroup outer = host.create("outer");
    Base base = beneath(outer);
    assertThat(handedDown(outer)).isEmpty();
    JobGroup job = base.home().create("job", CgroupHost.mark("job"));
    assertThat(handedDown(outer).split(" ")).contains("cpu", "io", "memory");
    assertThat(job.limits().apply(LIMITS)).allMatch(each -> each.status() == Status.APPLIED);

    base.close();
    assertThat(handedDown(outer)).as("a job needs it").contains("memory");
    job.remove();
    base.close();
    assertThat(handedDown(outer)).isEmpty();
    assertThat(Path.of(outer + "/ffrtmp")).doesNotExist();
  }

  @Test
  void close_controllersEnabledByOthers_stay() throws Exception {
    JobGroup outer = host.create("outer");
    Files.writeString(Path.of(outer + "/cgroup.subtree_control"), "+memory");
    Base base = beneath(outer);
    base.home().create("job", CgroupHost.mark("job")).remove();
    base.close();

    assertThat(handedDown(outer)).isEqualTo("memory");
  }

  @Test
  void close_groupOfOthersBesideTheHome_keepsItsLimits() throws Exception {
    JobGroup outer = host.create("outer");
    Base base = beneath(outer);
    base.home().create("job", CgroupHost.mark("job")).remove();
    Path beside = Files.createDirectory(Path.of(outer + "/beside"));
    Files.writeString(beside.resolve("memory.max"), "67108864");

    base.close();
    assertThat(Path.of(outer + "/ffrtmp")).doesNotExist();
    assertThat(beside.resolve("memory.max")).hasContent("67108864");
    Files.delete(beside);
  }

  @Test
  void close_onlyOurOwnGroupBesideTheHome_handsBackWhatItEnabled() throws Exception {
    JobGroup outer = host.create("outer");
    Path own = Files.createDirectory(Path.of(outer + "/own"));
    String before = files.read("/proc/self/cgroup").strip().replaceFirst(".*::", "");
    Hierarchy tree = host.hierarchies.job().get(0);
    Files.writeString(own.resolve("cgroup.procs"), "0");
    try {
      Base base = beneath(outer);
      base.home().create("job", CgroupHost.mark("job")).remove();
      assertThat(handedDown(outer)).contains("memory");
      base.close();
      assertThat(handedDown(outer)).isEmpty();
    } finally {
      Files.writeString(Path.of(tree.directory(before).orElseThrow(), "cgroup.procs"), "0");
    }
  }

  @Test
  void remove_inAThreadedGroup_leavesControllersOfOthers() throws Exception {
    JobGroup outer = host.create("outer");
    Path threaded = Files.createDirectory(Path.of(outer + "/threaded"));
    Files.writeString(threaded.resolve("cgroup.type"), "threaded");
    Files.writeString(Path.of(outer + "/cgroup.subtree_control"), "+cpu");
    Files.writeString(threaded.resolve("cgroup.subtree_control"), "+cpu");
    Group place = new Group(host.hierarchies.job().get(0), threaded.toString());
    Home home = host.base.home().elsewhere(List.of(place), Map.of());
    Mark mark = home.placed(CgroupHost.mark("job"));
    JobGroup job = home.create("job", mark);
    assertThat(job.remove()).isTrue();

    assertThat(handedDown(threaded)).isEqualTo("cpu");
    Files.delete(threaded);
  }

  /** Another governor that makes a group there meanwhile waits until they are off. */
  @Test
  void release_takesControllersBackWhileItHoldsTheHome() throws Exception {
    JobGroup outer = host.create("outer");
    Process target = host.start("exec sleep 1000");
    outer.place((int) target.pid());
    List<Boolean> held = new ArrayList<>();
    CgroupFiles watched =
        new CgroupFiles() {
          @Override
          public void write(String path, String text) throws ErrnoException {
            if (text.equals("-memory")) {
              held.add(isHeld(outer + "/" + host.name));
            }
            CgroupFiles.super.write(path, text);
          }
        };
    Group place = new Group(host.hierarchies.job().get(0), outer.toString());
    Home home = host.base(watched).home().elsewhere(List.of(place), Map.of());
    Mark mark = home.placed(CgroupHost.mark("job"));
    JobGroup job = home.create("job", mark);
    job.place((int) target.pid());
    job.limits().apply(LIMITS);

    assertThat(job.release(mark)).isEmpty();
    assertThat(held).containsExactly(true, true);
    assertThat(job.remove()).isTrue();
  }

  private boolean isHeld(String directory) throws ErrnoException {
    try {
      files.lock(directory, false).close();
      return false;
    } catch (ErrnoException e) {
      return e.errno() == Errno.EAGAIN;
    }
  }

  @Test
  void release_groupOfOthersBesideTheHome_keepsItsLimits() throws Exception {
    JobGroup outer = host.create("outer");
    Process target = host.start("exec sleep 1000");
    outer.place((int) target.pid());
    Group place = new Group(host.hierarchies.job().get(0), outer.toString());
    Home home = host.base.home().elsewhere(List.of(place), Map.of());
    Mark mark = home.placed(CgroupHost.mark("job"));
    JobGroup job = home.create("job", mark);
    job.place((int) target.pid());
    assertThat(job.limits().apply(LIMITS)).allMatch(each -> each.status() == Status.APPLIED);
    Path beside = Files.createDirectory(Path.of(outer + "/beside"));
    Files.writeString(beside.resolve("memory.max"), "67108864");

    assertThat(job.release(mark)).as("it can't go back").hasSize(1);
    assertThat(beside.resolve("memory.max")).hasContent("67108864");
    assertThat(handedDown(outer)).contains("memory");
    assertThat(Path.of(job + "/memory.max")).as("of what stays").hasContent("67108864");

    Files.delete(beside);
    assertThat(job.release(mark)).isEmpty();
    assertThat(outer.holds((int) target.pid())).isTrue();
    assertThat(job.remove()).isTrue();
    assertThat(handedDown(outer)).isEmpty();
  }

  @Test
  void apply_processesInTheBase_isUnsupportedWithTheCure() throws Exception {
    JobGroup outer = host.create("outer");
    Process sleeper = host.start("exec sleep 1000");
    outer.place((int) sleeper.pid());
    JobGroup job = beneath(outer).home().create("job", CgroupHost.mark("job"));
    List<LimitOutcome> outcomes = job.limits().apply(LIMITS);
    Process other = host.start("exec sleep 1000");
    job.place((int) other.pid()); // that must be possible all the same
    host.end(other);

    assertThat(outcomes).extracting(LimitOutcome::status).containsOnly(Status.UNSUPPORTED);
    assertThat(outcomes).allMatch(each -> each.errno().orElse("").equals("EBUSY"));
    assertThat(outcomes).allMatch(each -> each.cure().orElse("").contains("DelegateSubgroup="));

    host.end(sleeper);
    assertThat(job.limits().apply(LIMITS))
        .as("asked again")
        .allMatch(each -> each.status().inForce());
    assertThat(job.remove()).isTrue();
    Files.delete(Path.of(outer + "/ffrtmp"));
  }

  @Test
  void apply_homeMadeByAnotherGovernorJustNow_isHandedDownToo() throws Exception {
    host.create("first").remove();
    Base other = host.base(files);
    other.close();
    Files.createDirectory(host.homes().get(0)); // it has made the home and not enabled yet
    JobGroup job = host.create("job");

    assertThat(job.limits().apply(LIMITS)).allMatch(each -> each.status() == Status.APPLIED);
  }

  @Test
  void bornInside_unified_isTrue() {
    assertThat(host.base.bornInside()).isTrue();
  }

  @Test
  void becomeLeaf_aloneInOurOwnGroup_isUndoneAtTheEnd() throws Exception {
    Hierarchy tree = host.hierarchies.job().get(0);
    String own = tree.directory(tree.own()).orElse("");
    Optional<Base> ours =
        Site.find(host.hierarchies, tree, Optional.of(own), false)
            .filter(Site::isOurOwn)
            .map(site -> Base.find(files, host.hierarchies, Optional.of(own), host.name));
    assumeTrue(ours.isPresent(), "we live in the root cgroup");
    boolean alone = files.read(own + "/cgroup.procs").strip().lines().count() == 1;
    assumeTrue(alone, "other processes live in " + own);
    assumeFalse(Files.exists(Path.of(own, "ffrtmp-leaf")));
    String before = handedDown(own);
    Base base = ours.get();
    try {
      assertThat(memory(base).state()).isEqualTo(State.NO);
      assertThat(memory(base).cure().orElse("")).contains("DelegateSubgroup=");
      base.becomeLeaf("ffrtmp-leaf");
      assertThat(base.capabilities())
          .anyMatch(each -> each.name().equals("leaf") && each.state() == State.YES);
      assertThat(files.read("/proc/self/cgroup").strip()).endsWith("/ffrtmp-leaf");
      assertThat(memory(base).state()).isEqualTo(State.YES);
      JobGroup job = base.home().create("job", CgroupHost.mark("job"));
      assertThat(job.limits().apply(LIMITS)).allMatch(each -> each.status().inForce());
      base.close();
      assertThat(files.read("/proc/self/cgroup")).as("a job is left").contains("/ffrtmp-leaf");
      job.remove();
    } finally {
      base.close();
    }
    assertThat(files.read("/proc/self/cgroup").strip()).isEqualTo("0::" + tree.own());
    assertThat(Path.of(own, "ffrtmp-leaf")).doesNotExist();
    assertThat(handedDown(own)).isEqualTo(before);
  }

  private static Capability memory(Base base) {
    return base.capabilities().stream()
        .filter(each -> each.name().equals("memory.max"))
        .findFirst()
        .orElseThrow();
  }
}
