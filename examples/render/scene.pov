// Pearls at dusk: glass pearls run along a knot of brass above still water.
//
//   povray +Iscene.pov +Oframe.png +W480 +H270 +A0.3 +K0.25
//
// The clock goes from 0 to 1 and the film loops without a seam: frame i of N
// is rendered with +K(i/N).  Whatever moves does a whole number of periods in
// that time: each pearl goes to the place of the next one and takes on its
// colour, rings on the water go out by one wave length, the waves and the
// camera swing once.  Nothing depends on random state carried between frames,
// so every frame can be rendered alone, anywhere, in any order.

#version 3.7;
global_settings {
  assumed_gamma 1.0
  max_trace_level 7
  adc_bailout 0.02
}

#declare T = 2*pi*clock;
#declare PEARLS = 24;

// ---------------------------------------------------------------- camera ---

#declare Eye = vrotate(<0, 1.75, -12.4>, <0, 4.5*sin(T), 0>) + <0, 0.15*cos(T), 0>;
camera {
  location Eye
  look_at  <0, 2.02, 0>
  right    x*image_width/image_height
  angle    50
}

// ------------------------------------------------------------ sky and sun ---

#declare Sun = <-0.29, 0.060, 1>;

sky_sphere {
  pigment {
    gradient y
    color_map {
      [0.00 rgb <1.15, 0.42, 0.13>]
      [0.05 rgb <1.05, 0.36, 0.16>]
      [0.12 rgb <0.66, 0.20, 0.20>]
      [0.22 rgb <0.25, 0.105, 0.22>]
      [0.36 rgb <0.070, 0.055, 0.17>]
      [1.00 rgb <0.010, 0.014, 0.055>]
    }
  }
  // thin clouds, lit from below
  pigment {
    wrinkles
    turbulence 0.35
    octaves 5
    scale <0.85, 0.055, 0.85>
    color_map {
      [0.00 rgbt <1, 1, 1, 1>]
      [0.50 rgbt <1.0, 0.45, 0.30, 1>]
      [0.78 rgbt <1.0, 0.40, 0.28, 0.80>]
      [1.00 rgbt <1.1, 0.52, 0.34, 0.55>]
    }
  }
  // the glow around the sun
  pigment {
    spherical
    scale 0.34
    translate vnormalize(Sun)
    color_map {
      [0.00 rgbt <1.2, 0.45, 0.12, 1>]
      [0.60 rgbt <1.3, 0.60, 0.18, 0.70>]
      [0.88 rgbt <1.6, 0.95, 0.40, 0.25>]
      [0.93 rgbt <2.6, 2.0, 1.2, 0>]
      [1.00 rgbt <3.0, 2.5, 1.7, 0>]
    }
  }
}

light_source { vnormalize(Sun)*900 rgb <1.5, 0.85, 0.42> }
// the blue of the sky behind the camera, and a little fill
light_source { <60, 90, -80> rgb <0.30, 0.36, 0.60> }

// --------------------------------------------------- hills in the distance ---

#macro Hills(Far, Height, Seed, Colour)
  #local STEPS = 120;
  polygon {
    STEPS + 4,
    <-Far, -1>,
    #local I = 0;
    #while (I <= STEPS)
      #local X = (I/STEPS - 0.5)*2*Far;
      #local U = X/Far*9 + Seed;
      <X, Height*(0.50 + 0.26*sin(U*0.9) + 0.17*sin(U*2.3 + 1)
                  + 0.07*sin(U*5.1) + 0.035*sin(U*11.7)
                  + 0.015*sin(U*23.3 + 2))>,
      #local I = I + 1;
    #end
    <Far, -1>, <-Far, -1>
    translate z*Far*0.8
    pigment { rgb Colour }
    finish { ambient 0 diffuse 0 emission 1 }
    no_shadow
  }
#end

Hills(400, 26, 1.3, <0.42, 0.150, 0.165>)
Hills(250, 11, 4.4, <0.20, 0.075, 0.120>)
Hills(150,  4, 7.9, <0.07, 0.030, 0.065>)

// ----------------------------------------------------------------- water ---

// rings from the middle, and three trains of waves across
#declare Rings = function(x, y, z) {
  exp(-0.16*sqrt(x*x + z*z)) * sin(5.2*sqrt(x*x + z*z) - 2*T)
}
#declare Swell = function(x, y, z) {
    0.40*sin(1.9*x + 2.6*z + T)
  + 0.28*sin(-3.1*x + 4.7*z + 2*T + 1.7)
  + 0.16*sin(7.3*x + 8.9*z - 2*T + 0.4)
}

plane {
  y, 0
  pigment { rgb <0.006, 0.010, 0.022> }
  normal {
    function {
      0.5 + (0.30*Rings(x, y, z) + 0.16*Swell(x, y, z))
            * exp(-0.022*sqrt(x*x + z*z))
    } 0.13
  }
  finish {
    ambient 0
    diffuse 0.3
    specular 0.35
    roughness 0.004
    reflection { 0.16, 0.96 fresnel on }
  }
  interior { ior 1.33 }
}

// -------------------------------------------------------------- the knot ---

// A (2,3) torus knot, S from 0 to 1 once along it; turned to face the camera.
#macro Knot(S)
  #local A = 2*pi*S;
  vrotate(<(1.40 + 0.72*cos(3*A))*cos(2*A),
           (1.40 + 0.72*cos(3*A))*sin(2*A),
           0.72*sin(3*A)>, <0, 0, 90>)
#end

#declare Up = <0, 2.36, 0>;

// Length along the curve, so that the pearls keep their distances.
#declare N = 240;
#declare Len = array[N + 1];
#declare Len[0] = 0;
#declare I = 1;
#while (I <= N)
  #declare Len[I] = Len[I-1] + vlength(Knot(I/N) - Knot((I-1)/N));
  #declare I = I + 1;
#end

// where along the knot is the part F of its length
#macro Along(F)
  #local Want = F*Len[N];
  #local J = 1;
  #while (J < N & Len[J] < Want)
    #local J = J + 1;
  #end
  ((J - 1 + (Want - Len[J-1])/(Len[J] - Len[J-1]))/N)
#end

#declare Brass = texture {
  pigment { rgb <0.95, 0.62, 0.26> }
  finish {
    ambient 0 diffuse 0.22
    specular 0.9 roughness 0.006 metallic
    reflection { rgb <0.72, 0.56, 0.34> metallic }
  }
}

union {
  #declare I = 0;
  #while (I < N)
    sphere { Knot(I/N), 0.042 }
    cylinder { Knot(I/N), Knot((I + 1)/N), 0.042 }
    #declare I = I + 1;
  #end
  texture { Brass }
  translate Up
}

// ------------------------------------------------------------ the pearls ---

// The colour belongs to the place, not to the pearl: hence the seamless loop.
#macro Tint(F)
  #local H = 2*pi*F;
  <0.62 + 0.38*cos(H), 0.60 + 0.36*cos(H - 2.2), 0.66 + 0.34*cos(H - 4.2)>
#end

#declare I = 0;
#while (I < PEARLS)
  #declare F = mod((I + clock)/PEARLS, 1);
  #declare P = Knot(Along(F)) + Up;
  union {
    sphere {
      0, 0.285
      hollow
      pigment { rgb Tint(F) filter 0.93 }
      finish {
        ambient 0 diffuse 0.02
        specular 1.1 roughness 0.0015
        reflection { 0.04, 0.95 fresnel on }
        conserve_energy
      }
      interior { ior 1.48 }
    }
    // a light in each, bright in the middle and gone at the rim
    sphere {
      0, 0.15
      pigment {
        aoi
        color_map {
          [0.50 rgb Tint(F) transmit 1]
          [0.75 rgb Tint(F) transmit 0.75]
          [1.00 rgb 1.5*Tint(F) transmit 0]
        }
      }
      finish { ambient 0 diffuse 0 emission 1.7 }
      no_shadow
    }
    translate P
  }
  #declare I = I + 1;
#end

// The sparks together light the brass and the water a little.
light_source {
  Up rgb <0.75, 0.50, 0.30>
  fade_distance 1.6
  fade_power 2
  shadowless
}
