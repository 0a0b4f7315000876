package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limits;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A live RTMP stream, from ffmpeg to nginx to another ffmpeg, whose publisher is attached to and
 * released again and again while it plays. What arrives is compared with what was published, frame
 * by frame.
 */
@Tag("kernel")
class LiveStreamKernelTest {
  private static final Path MODULE = Path.of("/usr/lib/nginx/modules/ngx_rtmp_module.so");
  private static final Limits GENEROUS =
      Limits.NONE.cpuMax(CpuMax.cores(2)).cpuWeight(500).memoryMaxBytes(4L << 30);
  private static final int FRAME_MILLIS = 40;

  /** How many frames are counted between two acts on the publisher: a second. */
  private static final int WINDOW = 25;

  private static final int ROUNDS = 7;

  /** What a host that is busy with other things may add to a gap. */
  private static final Duration MARGIN = Duration.ofMillis(400L * LinuxHost.SLOWNESS);

  private static final String NGINX =
      """
      load_module %s;
      daemon off;
      master_process off;
      pid %2$s/pid;
      error_log %2$s/error.log;
      events {}
      rtmp {
        access_log off;
        server { listen 127.0.0.1:%3$d; out_queue 4096; application live { live on; } }
      }
      """;

  /** A frame as the framecrc muxer tells it, and when that line was read. */
  private record Frame(long pts, String sizeAndSum, long nanos) {
    static Optional<Frame> of(String line) {
      String[] fields = line.split(",");
      return line.startsWith("#") || fields.length < 6
          ? Optional.empty()
          : Optional.of(
              new Frame(
                  Long.parseLong(fields[2].strip()), fields[4] + fields[5], System.nanoTime()));
    }
  }

  @TempDir Path dir;
  private final List<Process> others = new ArrayList<>();
  private final List<Frame> received = new CopyOnWriteArrayList<>();
  private TargetUnit unit;
  private String url;

  @BeforeEach
  void startServer() throws Exception {
    LinuxHost.assumeProgram("ffmpeg");
    LinuxHost.assumeProgram("nginx");
    assumeTrue(Files.exists(MODULE), "libnginx-mod-rtmp is not installed");
    unit = new TargetUnit();
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    url = "rtmp://127.0.0.1:" + port + "/live/stream";
    Path config = Files.writeString(dir.resolve("conf"), NGINX.formatted(MODULE, dir, port));
    Process server = other("nginx", "-e", dir + "/error.log", "-p", "" + dir, "-c", "" + config);
    RunContract.soon().until(() -> !server.isAlive() || accepts(port));
    assertThat(server.isAlive()).as(Files.readString(dir.resolve("err"))).isTrue();
  }

  private static boolean accepts(int port) {
    try (Socket open = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return open.isConnected();
    } catch (IOException notYet) {
      return false;
    }
  }

  private Process other(String... command) throws IOException {
    Process process =
        new ProcessBuilder(command).redirectError(dir.resolve("err").toFile()).start();
    others.add(process);
    return process;
  }

  @AfterEach
  void end() throws Exception {
    for (Process each : others) {
      each.destroyForcibly().waitFor();
    }
    if (unit != null) {
      unit.close();
    }
    RunContract.awaitWatchers(0);
  }

  /** Publishes until it reads a q, and writes down what it published. */
  private Process publish(Path published) throws IOException {
    String frames = "-f lavfi -i testsrc=size=320x180:rate=25 -map 0:v -c:v flv -g 25";
    String to = "[f=flv:flvflags=no_duration_filesize]" + url + "|[f=framecrc]" + published;
    return unit.target(
        new ProcessBuilder(
                "sh", "-c", "read go; exec ffmpeg -v error -re " + frames + " -f tee \"$0\"", to)
            .redirectError(dir.resolve("publisher").toFile()));
  }

  private void receive() throws IOException {
    String how = "ffmpeg -v error -nostdin -analyzeduration 0 -i %s -map 0:v -c copy";
    String where = " -flush_packets 1 -f framecrc -";
    BufferedReader lines = other((how.formatted(url) + where).split(" ")).inputReader();
    Thread reader =
        new Thread(() -> lines.lines().map(Frame::of).forEach(it -> it.ifPresent(received::add)));
    reader.setDaemon(true);
    reader.start();
  }

  /** Waits for so many frames; gives the longest gap before one of them, in nanoseconds. */
  private long longestGap() {
    int from = received.size();
    RunContract.soon().until(() -> received.size() > from + WINDOW);
    long longest = 0;
    for (int i = from; i < from + WINDOW; i++) {
      longest = Math.max(longest, received.get(i).nanos - received.get(i - 1).nanos);
    }
    return longest;
  }

  @Test
  void publisher_attachedReleasedAndAttachedAgain_whileItPlays_dropsNoFrame() throws Exception {
    Path file = dir.resolve("published");
    Process publisher = publish(file);
    RunContract.soon().until(() -> !publisher.isAlive() || Files.exists(file));
    receive();
    RunContract.soon().until(() -> !publisher.isAlive() || received.size() > WINDOW);
    assertThat(publisher.isAlive()).as(Files.readString(dir.resolve("publisher"))).isTrue();

    Map<String, String> before = unit.state();
    List<Long> without = new ArrayList<>();
    List<Long> with = new ArrayList<>();
    try (Governor governor = LinuxGovernor.builder().open()) {
      for (int i = 0; i < ROUNDS; i++) {
        without.add(longestGap());
        AttachedJob job =
            governor.attach(Attachment.of(publisher.pid()).jobId("stream").limits(GENEROUS));
        with.add(longestGap());
        for (Path group : unit.tree.groups("stream")) {
          assertThat(JobTree.pids(group)).containsExactly(publisher.pid());
        }
        JobResult released = job.release();
        with.add(longestGap());
        assertThat(released.receipt().allInForce()).as("%s", released).isTrue();
        assertThat(unit.state()).isEqualTo(before);
      }
    }
    publisher.getOutputStream().write('q');
    publisher.getOutputStream().flush();
    assertThat(publisher.waitFor(RunContract.PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(publisher.exitValue()).as(Files.readString(dir.resolve("publisher"))).isZero();
    assertAllArrived(
        Files.readAllLines(file).stream().flatMap(it -> Frame.of(it).stream()).toList());
    print(without, with);
    assertThat(median(with)).isLessThan(median(without) + MARGIN.toNanos());
  }

  /** From the first that arrived on, all that was published arrived: in order, and unaltered. */
  private void assertAllArrived(List<Frame> published) {
    Frame last = published.get(published.size() - 1);
    RunContract.soon()
        .until(() -> received.get(received.size() - 1).sizeAndSum.equals(last.sizeAndSum));
    List<String> sums = published.stream().map(Frame::sizeAndSum).toList();
    List<String> arrived = received.stream().map(Frame::sizeAndSum).toList();
    assertThat(arrived).doesNotHaveDuplicates().hasSizeGreaterThan(3 * ROUNDS * WINDOW);
    int first = sums.indexOf(arrived.get(0));
    assertThat(first).as("the first that arrived was published").isNotNegative();
    assertThat(arrived).isEqualTo(sums.subList(first, sums.size()));
    for (int i = 1; i < received.size(); i++) {
      assertThat(received.get(i).pts - received.get(i - 1).pts).isEqualTo(FRAME_MILLIS);
    }
  }

  private void print(List<Long> without, List<Long> with) {
    System.out.printf(
        "live stream, %d rounds of attach and release: %d frames published from the first that"
            + " arrived on, %d arrived, 0 dropped; longest gap in a second: without us median %d ms,"
            + " longest %d ms; with us median %d ms, longest %d ms%n",
        ROUNDS,
        received.size(),
        received.size(),
        TimeUnit.NANOSECONDS.toMillis(median(without)),
        TimeUnit.NANOSECONDS.toMillis(longest(without)),
        TimeUnit.NANOSECONDS.toMillis(median(with)),
        TimeUnit.NANOSECONDS.toMillis(longest(with)));
  }

  private static long longest(List<Long> nanos) {
    return nanos.stream().mapToLong(it -> it).max().orElseThrow();
  }

  /** Of windows: one in which the host was busy with something else does not count. */
  private static long median(List<Long> nanos) {
    return nanos.stream().sorted().skip(nanos.size() / 2).findFirst().orElseThrow();
  }
}
