package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.examples.Dashboard.Panel;
import io.ffrtmp.governance.examples.PrometheusServer.Series;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Draws the dashboard's panels, with Prometheus' answers in them, as SVG: what an operator would
 * see, not how Grafana would draw it.
 */
final class DashboardPicture {
  private static final int COLUMN = 40;
  private static final int ROW = 27;
  private static final int GAP = 6;
  private static final int LEFT = 46;
  private static final int TOP = 28;
  private static final int BOTTOM = 52;
  private static final int LETTER = 7;
  private static final double MIB = 1 << 20;

  private static final List<String> PALETTE =
      List.of("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9");
  private static final Map<String, String> COLOURS =
      Map.of(
          "green", "#73bf69",
          "yellow", "#f2cc0c",
          "orange", "#ff9830",
          "red", "#f2495c",
          "dark-red", "#c4162a",
          "blue", "#5794f2",
          "purple", "#b877d9");

  private final double from;
  private final double to;
  private final double step;
  private final StringBuilder svg = new StringBuilder();
  private int bottom;

  /** Of this time, in seconds of the epoch, in steps of so many seconds. */
  DashboardPicture(double from, double to, double step) {
    this.from = from;
    this.to = to;
    this.step = step;
  }

  /** Adds a panel with what it shows, by name. */
  void add(Panel panel, Map<String, Series> shown) {
    int width = panel.grid("w") * COLUMN - GAP;
    int height = panel.grid("h") * ROW - GAP;
    bottom = Math.max(bottom, panel.grid("y") * ROW + height);
    put("<g transform='translate(%d %d)'>", panel.grid("x") * COLUMN, panel.grid("y") * ROW);
    put("<rect width='%d' height='%d' rx='2' fill='#fff' stroke='#d8d9da'/>", width, height);
    put("<text x='8' y='17' font-weight='bold'>%s</text>", escaped(panel.title()));
    if (panel.queries().get(0).instant()) {
      double value = shown.values().iterator().next().last();
      put(
          "<text x='%d' y='%d' font-size='28' text-anchor='middle'>%s</text>",
          width / 2, height / 2 + 18, format(value, panel.unit(), panel.decimals()));
    } else {
      chart(panel, shown, width, height);
    }
    put("</g>");
  }

  /** The whole picture. */
  String svg() {
    return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='-6 -6 %d %d' "
            .formatted(24 * COLUMN + GAP, bottom + 12)
        + "font-family='sans-serif' font-size='11' fill='#24292e'>\n"
        + "<rect x='-6' y='-6' width='100%' height='100%' fill='#f4f5f5'/>\n"
        + svg
        + "</svg>\n";
  }

  private void chart(Panel panel, Map<String, Series> shown, int width, int height) {
    Map<String, String> colours = colours(panel, shown);
    boolean stacked = panel.stacked();
    double most = stacked ? highestSum(shown) : highest(shown);
    double top =
        switch (panel.unit()) {
          case "percentunit" -> 1;
          case "bytes" -> ceiling(most / MIB) * MIB;
          default -> ceiling(most);
        };
    int inner = width - LEFT - 10;
    int tall = height - TOP - BOTTOM;
    for (int i = 0; i <= 2; i++) {
      int y = TOP + tall - tall * i / 2;
      put("<path d='M%d %dH%d' stroke='#e9e9e9'/>", LEFT, y, LEFT + inner);
      put(
          "<text x='%d' y='%d' text-anchor='end'>%s</text>",
          LEFT - 4, y + 4, format(top * i / 2, panel.unit(), 1));
      put(
          "<text x='%d' y='%d' text-anchor='%s'>%d s</text>",
          LEFT + inner * i / 2,
          TOP + tall + 15,
          List.of("start", "middle", "end").get(i),
          Math.round((to - from) * i / 2));
    }
    TreeMap<Double, Double> floor = new TreeMap<>();
    shown.forEach(
        (name, series) -> {
          String colour = colours.getOrDefault(name, "#888");
          if (stacked || panel.bars()) {
            bars(series, floor, colour, top, inner, tall);
          } else {
            line(series, colour, top, inner, tall);
          }
        });
    legend(colours, width, height);
  }

  private static Map<String, String> colours(Panel panel, Map<String, Series> shown) {
    Map<String, String> all = new LinkedHashMap<>();
    for (String name : shown.keySet()) {
      String fixed = COLOURS.get(panel.colours().getOrDefault(name, ""));
      all.put(name, fixed == null ? PALETTE.get(all.size() % PALETTE.size()) : fixed);
    }
    return all;
  }

  private double x(double time, int inner) {
    return LEFT + (time - from) / (to - from) * inner;
  }

  private void bars(
      Series series,
      TreeMap<Double, Double> floor,
      String colour,
      double top,
      int inner,
      int tall) {
    double width = Math.max(1, step / (to - from) * inner - 1);
    series
        .points()
        .forEach(
            (time, value) -> {
              if (Double.isFinite(value) && value > 0) {
                double below = floor.merge(time, value, Double::sum) - value;
                double y = TOP + tall - (below + value) / top * tall;
                put(
                    "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s'/>",
                    x(time, inner) - width, y, width, value / top * tall, colour);
              }
            });
  }

  private void line(Series series, String colour, double top, int inner, int tall) {
    StringBuilder path = new StringBuilder();
    double last = Double.NEGATIVE_INFINITY;
    for (Map.Entry<Double, Double> each : series.points().entrySet()) {
      if (Double.isFinite(each.getValue())) {
        double x = x(each.getKey(), inner);
        double y = TOP + tall - each.getValue() / top * tall;
        boolean next = each.getKey() - last < step * 1.5;
        path.append(String.format(Locale.ROOT, "%s%.1f %.1f", next ? "L" : "M", x, y));
        path.append(next ? "" : "h2"); // a value alone would not be seen
        last = each.getKey();
      }
    }
    put("<path d='%s' fill='none' stroke='%s' stroke-width='1.5'/>", path, colour);
  }

  private void legend(Map<String, String> colours, int width, int height) {
    int x = 8;
    int y = height - 20;
    for (Map.Entry<String, String> each : colours.entrySet()) {
      int needed = 20 + each.getKey().length() * LETTER;
      if (x + needed > width) {
        x = 8;
        y += 14;
      }
      put("<rect x='%d' y='%d' width='10' height='4' fill='%s'/>", x, y - 5, each.getValue());
      put("<text x='%d' y='%d'>%s</text>", x + 13, y, escaped(each.getKey()));
      x += needed;
    }
  }

  private static double highest(Map<String, Series> shown) {
    return shown.values().stream()
        .flatMap(each -> each.points().values().stream())
        .filter(Double::isFinite)
        .mapToDouble(Double::doubleValue)
        .max()
        .orElse(1);
  }

  private static double highestSum(Map<String, Series> shown) {
    Map<Double, Double> sums = new TreeMap<>();
    List<Series> all = new ArrayList<>(shown.values());
    all.forEach(
        each ->
            each.points()
                .forEach(
                    (time, value) ->
                        sums.merge(time, Double.isFinite(value) ? value : 0, Double::sum)));
    return sums.values().stream().mapToDouble(Double::doubleValue).max().orElse(1);
  }

  /** The next of 1, 2, 5, 10, 20 … */
  private static double ceiling(double value) {
    if (value <= 0) {
      return 1;
    }
    double power = Math.pow(10, Math.floor(Math.log10(value)));
    for (double each : new double[] {1, 2, 5}) {
      if (value <= each * power) {
        return each * power;
      }
    }
    return 10 * power;
  }

  private static String format(double value, String unit, int decimals) {
    return switch (unit) {
      case "percentunit" -> number(value * 100, decimals) + " %";
      case "bytes" -> number(value / MIB, decimals) + " MiB";
      case "s" -> number(value, decimals) + " s";
      default -> number(value, decimals);
    };
  }

  private static String number(double value, int decimals) {
    String text = String.format(Locale.ROOT, value < 100 ? "%." + decimals + "f" : "%.0f", value);
    return text.replaceFirst("\\.0+$", "");
  }

  private void put(String format, Object... arguments) {
    svg.append(String.format(Locale.ROOT, format, arguments)).append('\n');
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
